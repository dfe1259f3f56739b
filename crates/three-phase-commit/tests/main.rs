//! All of it is one program: what the tests share is built once, and they run side by side.

mod arbitrary;
mod holes;
mod paper;
mod recovery;
mod support;

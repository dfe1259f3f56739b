//! All of it is one program: what the tests share is built once, and they run side by side.

mod arbitrary;
mod paper;
mod presumptions;
mod resolver;
mod support;

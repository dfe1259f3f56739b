//! What takes long, side by side in one program: whole sessions of a reader of the README, of the guide and of
//! `quarrel compare`, the golden digests, and the pages that explain the words.

mod compare;
mod digests;
mod own_crate;
mod readme;
mod reference;

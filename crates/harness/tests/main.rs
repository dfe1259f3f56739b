//! All of it is one program: what the tests share is built once, and they run side by side.

mod bad_weather;
mod bell;
mod carry;
mod case;
mod common;
mod damage;
mod desk;
mod fifo;
mod model;
mod operator;
mod profile;
mod replay;
mod shrink;
mod story;
mod traitors;
mod two_generals;

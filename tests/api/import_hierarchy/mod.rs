//! Chapter 6: importing the hierarchy of a directory that behaves.

mod guard;
mod merge;
mod missing;
mod odd;
mod running;

//! Chapter 7: importing the schema.

mod declared;
mod faults;
mod file;
mod hostile;
mod merge;
mod result;
mod running;

//! What fails or attacks from outside: crashes, disks, callers, networks and directories. One module per kind.

mod bodies;
mod crash;
mod directory;
mod disk;
mod files;
mod listener;
mod network;
mod panics;
mod stopped;

//! A directory that fails or attacks while it is read: nothing is ever removed because of it.

mod broken;
mod codes;
mod costs;
mod cut;
mod hang;
mod hostile;
mod large;
mod names;
mod partitions;
mod rebinding;
mod referrals;
mod strangers;
mod transport;

//! What a second import does to what is stored and to what was chosen.

//! Loops of files, and files that only look as if they had some.

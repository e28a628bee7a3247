//! The `fedfront` command.

fn main() {}

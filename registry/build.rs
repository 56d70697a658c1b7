//! Lays out the registry's index when the program is built.

fn main() {
    println!("cargo::rerun-if-changed=registry");
}

//! The one integration test binary.

/// Captures and registry files made by others, where they are at hand.
#[allow(dead_code, reason = "used module by module")]
mod material;

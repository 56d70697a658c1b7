//! The one integration test binary.

/// Captures and registry files made by others, where they are at hand.
#[allow(dead_code, reason = "used module by module")]
mod material;

/// The registry against a plain scan of its own file, and IANA's renderings of it against each other.
mod registry;

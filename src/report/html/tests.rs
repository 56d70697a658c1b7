//! Pages of captures made by hand.

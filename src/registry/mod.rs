//! The IANA Service Name and Transport Protocol Port Number Registry (RFC 6335).

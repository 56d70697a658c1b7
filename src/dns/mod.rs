//! DNS messages as multicast DNS (RFC 6762) and DNS-SD (RFC 6763) use them.

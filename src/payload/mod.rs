//! What the first octets of a flow say: recognisers of application protocols, and the verdict they give.
//!
//! A port names what may be there; the octets say what is there. Each direction of a flow fills a
//! [`Window`] with what it shows first; [`look`] turns two windows into a [`Verdict`]. Both are bounded,
//! nothing here does I/O, and a verdict is a function of the two windows alone.
//!
//! ```
//! use portolan::packet::TransportProtocol;
//! use portolan::payload::{Protocol, Sender, Window, look};
//!
//! let (mut asks, mut answers) = (Window::new(), Window::new());
//! asks.segment(1000, false, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 37);
//! answers.segment(5000, false, b"HTTP/1.1 200 OK\r\n", 17);
//! let verdict = look(TransportProtocol::TCP, &asks, &answers);
//! assert_eq!(verdict.spoken, Some(Protocol::HTTP));
//! assert_eq!(verdict.server, Some(Sender::Second));
//! ```
//!
//! One protocol is one function, grouped by family; [`table`] lists them and says at which first octets
//! each is asked. Recognisers read through the bounded cursor of [`reader`] only.

mod access;
mod addresses;
mod brokers;
mod cache;
mod databases;
mod datagram_names;
mod datagrams;
mod directory;
mod domain;
mod files;
mod games;
mod gathered;
mod gist;
mod head;
mod heard;
mod hello;
mod hpack;
mod industry;
mod layers;
mod mail;
mod media;
mod mobile;
mod names;
mod office;
mod peers;
mod protocol;
mod proxies;
mod quic;
mod quic_initial;
mod reader;
mod rides;
mod routing;
mod rpc;
mod seen;
mod server_name;
mod shells;
mod sight;
mod stream;
mod stream_names;
mod syslog;
mod table;
mod telephony;
mod text;
mod time;
mod tls;
mod tools;
mod turns;
mod verdict;
mod vpn;
mod web;
mod window;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod turned;

pub use head::{Head, HeadError};
pub use hello::{Extensions, Hello, HelloError, join_records};
pub use layers::{Layers, of_alpn};
pub use names::{NameReader, Progress};
pub use protocol::{Protocol, Protocols};
pub(crate) use reader::{Reader, check};
pub use rides::{Ride, is_known_name, rides};
pub use rpc::program_word;
pub use server_name::{ServerName, Told, ToldBy};
pub use sight::Strength;
pub use verdict::{Sender, Verdict, look};
pub(crate) use window::Gists;
pub use window::Window;

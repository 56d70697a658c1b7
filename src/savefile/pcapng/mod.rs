//! pcapng (draft-ietf-opsawg-pcapng), read and written.

mod block;
mod clock;
mod reader;
mod writer;

pub(crate) use block::{Block, SECTION_HEADER, code, kind};
pub(crate) use clock::{Clock, packet_time};
pub(crate) use reader::Walker;
pub(crate) use writer::{
    commented, enhanced_packet, interface_description, interface_statistics, name_resolution, section_header,
};

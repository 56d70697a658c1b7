//! pcapng (draft-ietf-opsawg-pcapng), read and written.

pub(crate) mod block;
mod reader;

pub(crate) use reader::BLOCK_LIMIT;
pub(crate) use reader::{SECTION_HEADER, Walker};

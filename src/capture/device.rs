//! Interfaces in plain data: what there are, how to capture on one, and what became of its packets.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use crate::packet::LinkType;

/// Octets of the kernel's buffer by default. libpcap's own 2 MiB overflow as soon as the reader has to wait for a processor
/// (`benches/live.py`).
const BUFFER: u32 = 32 << 20;

/// What a live capture shall be like.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Octets kept of each frame; 0 means the most there can be, 262,144.
    pub snap_len: u32,
    /// Whether frames for others are wanted too, where the interface can.
    pub promiscuous: bool,
    /// Octets of the kernel's buffer.
    pub buffer: u32,
    /// Link type where the interface offers several: libpcap's name (`EN10MB`, `IEEE802_11_RADIO`) or its number.
    pub link: Option<String>,
    /// Capture filter in libpcap's language, applied in the kernel.
    pub filter: Option<String>,
    /// Deliver each frame at once instead of some at a time: less delay, more work.
    pub immediate: bool,
    /// Set by anyone to end the capture.
    pub stop: Arc<AtomicBool>,
    /// Time after which the capture ends by itself.
    pub duration: Option<Duration>,
    /// Go on where the interface goes away: once there is one of its name again, with the same link type.
    pub wait: bool,
    /// Told when the interface goes away and comes back, and when its link goes down and up.
    pub notice: Option<fn(&str)>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            snap_len: 0,
            promiscuous: true,
            buffer: BUFFER,
            link: None,
            filter: None,
            immediate: false,
            stop: Arc::default(),
            duration: None,
            wait: false,
            notice: None,
        }
    }
}

/// What became of the packets since a live capture began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Packets that passed the filter; a loopback interface counts each one going out and coming in.
    pub received: u64,
    /// Packets lost because the kernel's buffer was full.
    pub kernel_dropped: u64,
    /// Packets lost by the interface or its driver, where it tells.
    pub interface_dropped: u64,
}

impl Losses {
    /// Those of two devices together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            kernel_dropped: self.kernel_dropped + other.kernel_dropped,
            interface_dropped: self.interface_dropped + other.interface_dropped,
        }
    }

    /// Packets that were lost, wherever.
    pub fn dropped(&self) -> u64 {
        self.kernel_dropped + self.interface_dropped
    }
}

/// An interface that can be captured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name, as [`super::Live::open`] takes it.
    pub name: String,
    /// What it is, where libpcap says.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Link types it offers; empty where it could not be opened or was not tried.
    pub links: Vec<LinkType>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is running.
    pub running: bool,
    /// Whether it is a loopback interface.
    pub loopback: bool,
    /// Whether it is wireless.
    pub wireless: bool,
    /// Whether it has a link, where that means something and is known.
    pub connected: Option<bool>,
    /// What keeps this process from using it, and what to do about it.
    pub missing: Option<String>,
}

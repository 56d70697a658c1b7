//! The pseudo-device `any`: which interface each of its frames came from.

use std::sync::Arc;

use crate::packet::{Interface, LinkType};

/// Interfaces that are told apart at most: where containers come and go, each may be a new one.
const MOST: usize = 4096;

/// The interfaces of a live capture: the device itself, and behind it those that frames of `any` came from, in the order
/// they were met.
#[derive(Debug)]
pub(super) struct Interfaces {
    list: Vec<Interface>,
    names: Arc<Vec<Option<String>>>,
    /// The kernel's indexes, and the places in the list; 0 of what has no name any more.
    known: Vec<(u32, u32)>,
    /// Spares looking for it again.
    last: (u32, u32),
}

impl Interfaces {
    /// Those of a device.
    pub(super) fn new(device: Interface) -> Self {
        let names = Arc::new(vec![device.name.clone()]);
        Self { list: vec![device], names, known: Vec::new(), last: (0, 0) }
    }

    /// The device itself.
    pub(super) fn device(&self) -> &Interface {
        &self.list[0]
    }

    /// All met so far.
    pub(super) fn list(&self) -> &[Interface] {
        &self.list
    }

    /// Their names, as batches have them.
    pub(super) fn names(&self) -> Arc<Vec<Option<String>>> {
        Arc::clone(&self.names)
    }

    /// The place in the list of the interface that a frame came from.
    #[inline]
    pub(super) fn of(&mut self, frame: &[u8]) -> u32 {
        if self.list[0].link != LinkType::LINUX_SLL2 {
            return 0;
        }
        // LINKTYPE_LINUX_SLL2: protocol, two reserved octets, the interface's index.
        let Some(&[a, b, c, d]) = frame.get(4..8) else { return 0 };
        let index = u32::from_be_bytes([a, b, c, d]);
        if self.last.0 != index {
            self.last = (index, self.find(index, name_of));
        }
        self.last.1
    }

    /// The place in the list of the interface with that index.
    fn find(&mut self, index: u32, name_of: impl Fn(u32) -> Option<String>) -> u32 {
        if let Some(&(_, place)) = self.known.iter().find(|(known, _)| *known == index) {
            return place;
        }
        if self.known.len() >= MOST {
            return 0;
        }
        let place = match name_of(index) {
            Some(name) => {
                let place = self.list.len() as u32;
                Arc::make_mut(&mut self.names).push(Some(name.clone()));
                self.list.push(Interface { name: Some(name), ..self.list[0].clone() });
                place
            }
            None => 0,
        };
        self.known.push((index, place));
        place
    }
}

/// What the kernel calls the interface with that index.
#[cfg(target_os = "linux")]
fn name_of(index: u32) -> Option<String> {
    use rustix::net::{AddressFamily, SocketType, netdevice, socket};
    // Any socket will do: it tells the kernel in which namespace to look.
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    netdevice::index_to_name(&any, index).ok()
}

#[cfg(not(target_os = "linux"))]
fn name_of(_: u32) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> Interfaces {
        let name = Some("any".to_owned());
        Interfaces::new(Interface { link: LinkType::LINUX_SLL2, snap_len: 262_144, name, fcs_len: None })
    }

    #[test]
    fn frames_are_of_the_interface_they_came_from() {
        let mut interfaces = any();
        let name = |index| (index != 9).then(|| format!("eth{index}"));
        assert_eq!([3, 5, 3, 9, 5].map(|index| interfaces.find(index, name)), [1, 2, 1, 0, 2]);
        let names: Vec<_> = interfaces.list().iter().map(|one| one.name.clone().unwrap()).collect();
        assert_eq!(names, ["any", "eth3", "eth5"]);
        assert!(interfaces.list().iter().all(|one| one.link == LinkType::LINUX_SLL2));
        assert_eq!(interfaces.names().iter().flatten().map(String::as_str).collect::<Vec<_>>(), names);
    }

    #[test]
    fn only_so_many_are_told_apart() {
        let mut interfaces = any();
        for index in 1..=MOST as u32 + 5 {
            interfaces.find(index, |index| Some(index.to_string()));
        }
        assert_eq!(interfaces.list().len(), MOST + 1);
        assert_eq!(interfaces.find(MOST as u32 + 5, |_| None), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_names_the_loopback_interface() {
        // It is the first in each namespace.
        let frame = [0x08, 0, 0, 0, 0, 0, 0, 1, 0, 0];
        let mut interfaces = any();
        let place = interfaces.of(&frame);
        assert_eq!(interfaces.list()[place as usize].name.as_deref(), Some("lo"));
        assert_eq!(interfaces.of(&frame[..7]), 0);
    }
}

//! What leaves a full table.

use std::mem;

use super::Advertised;
use crate::packet::Timestamp;

impl Advertised {
    /// Lets go of what is over by now, where a table is full: at most once a second, as that looks at everything.
    ///
    /// Who knows only the past loses nothing by it. With hindsight flows of that time may lose their names, so that what
    /// comes later finds room; that is counted as [`Self::dropped`].
    #[cold]
    pub(super) fn let_go(&mut self) {
        let Some(now) = self.now else { return };
        if self.left.is_some_and(|left| now.since(left) < Timestamp::SECOND) {
            return;
        }
        self.left = Some(now);
        let (services, hosts) = (mem::take(&mut self.services), mem::take(&mut self.hosts));
        for table in [&mut self.service_of, &mut self.host_of] {
            table.clear();
        }
        self.endpoints.clear();
        self.ports.fill(0);
        self.of_owner.clear();
        (self.service_shares, self.host_shares) = Default::default();
        let mut gone = 0;
        let mut names = Vec::with_capacity(hosts.len());
        let mut kept = vec![false; hosts.len()];
        for service in services.iter().filter(|service| !service.seen.is_over(now)) {
            kept[service.host as usize] = true;
        }
        for (host, kept) in hosts.into_iter().zip(kept) {
            let alive = host.addresses.iter().filter(|(_, seen)| !seen.is_over(now));
            let alive: Vec<_> = alive.cloned().collect();
            gone += (host.addresses.len() - alive.len()) as u64;
            if (kept || !alive.is_empty())
                && let Some(index) = self.host(host.name.clone(), host.sender)
            {
                self.hosts[index as usize].addresses = alive;
            }
            names.push(host.name);
        }
        for service in services {
            if service.seen.is_over(now) {
                gone += 1;
            } else {
                let host = names[service.host as usize].clone();
                self.insert_service(service, host);
            }
        }
        self.dropped += if self.causal { 0 } else { gone };
    }
}

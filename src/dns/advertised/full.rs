//! What leaves a full table.

use std::mem;

use super::Advertised;
use crate::packet::Timestamp;

/// Which part of a full table has to be over before it is filled anew without that part: as it costs as much as filling it, each
/// record costs no more than a few times of that, however times and records are chosen. As many have to find no room before it
/// is looked for what goodbyes ended early, which costs a fraction of it.
const PART: usize = 16;

impl Advertised {
    /// Lets go of what is over by now, where a table is full and it is worth a look.
    ///
    /// Who knows only the past loses nothing by it. With hindsight flows of that time may lose their names, so that what
    /// comes later finds room; that is counted as [`Self::dropped`].
    #[cold]
    pub(super) fn let_go(&mut self) {
        self.refused += 1;
        let Some(now) = self.now else { return };
        let due = self.room_at.is_none_or(|at| at < now);
        if !due && self.refused < self.most_services() / PART {
            return;
        }
        self.refused = 0;
        // What was told again since lives longer.
        let room_at = self.next_room();
        if room_at >= now {
            self.room_at = Some(room_at);
            return;
        }
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
        self.room_at = Some(self.next_room());
    }

    /// When a part of either table will be over, if nothing of it is told again.
    fn next_room(&self) -> Timestamp {
        let never = Timestamp(u64::MAX);
        let nth = |mut ends: Vec<Timestamp>, most: usize| {
            let part = most / PART;
            if part < ends.len() { *ends.select_nth_unstable(part).1 } else { never }
        };
        let end = |service: &super::Service| service.seen.end().unwrap_or(never);
        let of_services = self.services.iter().map(end).collect();
        let of_hosts = self.hosts.iter().map(|host| {
            let addresses = host.addresses.iter().map(|(_, seen)| seen.end().unwrap_or(never));
            let services = host.services.iter().map(|&index| end(&self.services[index as usize]));
            addresses.chain(services).max().unwrap_or_default()
        });
        nth(of_services, self.most_services()).min(nth(of_hosts.collect(), self.most_hosts()))
    }
}

//! How much of a table of bounded size each sender has filled, so that none of them alone fills it for all.

use std::net::IpAddr;

use hashbrown::HashMap;

/// Places of a table by the sender that took them.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares(HashMap<IpAddr, usize>);

impl Shares {
    /// Whether a sender may take so many further places of the `limit` there are: one alone gets three quarters of them.
    pub(super) fn may_take(&self, sender: IpAddr, places: usize, limit: usize) -> bool {
        // Only where a table is nearly full is there anything to look for.
        self.0.get(&sender).is_none_or(|taken| taken + places <= limit / 4 * 3)
    }

    /// Notes that a sender took places.
    pub(super) fn take(&mut self, sender: IpAddr, places: usize) {
        *self.0.entry(sender).or_default() += places;
    }
}

//! What SRV and address records taught, as octets in a knowledge file.

use super::{Advertised, Host, Service};
use crate::{
    packed::{Broken, Reader, Writer, check},
    text::escape::is_harmless,
};

impl Advertised {
    /// Writes what a part learned.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.put(&(self.dropped, self.now));
        out.all(self.hosts.iter());
        out.all(self.services.iter());
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        // What was learned is merged to nothing, which makes every index anew and holds the bounds.
        let mut learned = Self::new();
        (learned.dropped, learned.now) = reader.get_if(|(dropped, _)| *dropped < 1 << 52)?;
        reader.all(Self::MAX_HOSTS, |host: Host| {
            check(host.addresses.len() <= Self::MAX_ADDRESSES)?;
            check(host.addresses.iter().all(|(_, seen)| seen.is_sound()))?;
            learned.hosts.push(host);
            Ok(())
        })?;
        let hosts = learned.hosts.len();
        reader.all(Self::MAX_SERVICES, |service: Service| {
            let texts = [&service.name, &service.spelt, &service.kind, &service.host_text];
            check(texts.into_iter().chain(&service.instance).all(|text| is_harmless(text)))?;
            check((service.host as usize) < hosts && service.seen.is_sound())?;
            learned.services.push(service);
            Ok(())
        })?;
        let mut all = Self::new();
        all.merge(learned);
        Ok(all)
    }
}

//! The addresses of this host: whoever connects to one of them is connected to this host.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Once,
};

use nix::ifaddrs::getifaddrs;

/// What keeps them from being read keeps on doing so, and they are asked for each second.
static TOLD: Once = Once::new();

/// Each as IPv6 has it. None if they cannot be read: those of the loopback network are known without.
pub(super) fn own_addresses() -> impl Iterator<Item = [u8; 16]> {
    let interfaces = getifaddrs().inspect_err(|errno| {
        TOLD.call_once(|| {
            log::warn!(
                "cannot read this host's addresses: {errno}; connections to its services by another address than the loopback \
                 network's are not told (this is said once)"
            );
        });
    });
    interfaces.into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let v4 = || address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let v6 = || address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
        Some(match v4().or_else(v6)? {
            IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address).octets(),
            IpAddr::V6(address) => address.octets(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_one() {
        let own: Vec<_> = own_addresses().collect();
        // A machine without any network has none.
        assert!(own.is_empty() || own.contains(&Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets()), "{own:?}");
    }
}

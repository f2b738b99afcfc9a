//! The ways that are known without being named: services that run commands or containers, or change files, as root or as somebody else,
//! for whoever may ask them.

use super::Way;

/// One of them; see [`Way`].
struct Known {
    name: &'static str,
    sockets: &'static [&'static str],
    buses: &'static [&'static str],
    jobs: &'static [&'static str],
    ports: &'static [u16],
}

const fn none(name: &'static str) -> Known {
    Known { name, sockets: &[], buses: &[], jobs: &[], ports: &[] }
}

const fn listens(name: &'static str, sockets: &'static [&'static str]) -> Known {
    Known { sockets, ..none(name) }
}

/// Where each is asked. In the directories of a user's session there is one for each user.
const KNOWN: [Known; 12] = [
    // https://docs.docker.com/reference/cli/dockerd/#daemon-socket-option, and without root
    listens("docker", &["/run/docker.sock", "/var/run/docker.sock", "/run/user/*/docker.sock"]),
    // https://docs.podman.io/en/stable/markdown/podman-system-service.1.html
    listens("podman", &["/run/podman/podman.sock", "/run/user/*/podman/podman.sock"]),
    listens("containerd", &["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"]),
    listens("crio", &["/run/crio/crio.sock"]),
    listens(
        "lxd",
        &["/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/var/lib/incus/unix.socket"],
    ),
    listens("libvirt", &["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"]),
    listens("tmux", &["/tmp/tmux-*/*"]),
    listens("screen", &["/run/screen/S-*/*"]),
    // https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-types, and the manager's own without a bus between
    Known {
        buses: &[
            "/run/dbus/system_bus_socket",
            "/run/user/*/bus",
            "/run/systemd/private",
            "/run/user/*/systemd/private",
        ],
        ..none("systemd")
    },
    // Debian's, and Red Hat's
    Known { jobs: &["/var/spool/cron/atjobs", "/var/spool/at"], ..none("at") },
    Known { jobs: &["/var/spool/cron/crontabs", "/var/spool/cron"], ..none("cron") },
    // and where systemd has one listen that is for this host: systemd-ssh-generator(8)
    Known { ports: &[22], sockets: &["/run/ssh-unix-local/socket"], ..none("ssh") },
];

/// Each as the policy would have it.
pub(super) fn known() -> impl Iterator<Item = Way> {
    KNOWN.iter().map(|Known { name, sockets, buses, jobs, ports }| {
        let patterns = |paths: &[&str]| paths.iter().flat_map(|path| path.parse()).collect();
        Way {
            name: (*name).to_owned(),
            sockets: patterns(sockets),
            buses: patterns(buses),
            jobs: jobs.iter().map(Into::into).collect(),
            ports: ports.to_vec(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_written_as_a_policy_is() {
        for (way, known) in known().zip(&KNOWN) {
            let counts = [way.sockets.len(), way.buses.len(), way.jobs.len(), way.ports.len()];
            let wanted = [known.sockets.len(), known.buses.len(), known.jobs.len(), known.ports.len()];
            assert_eq!(counts, wanted, "{}", way.name);
            assert!(counts.iter().sum::<usize>() > 0, "{}", way.name);
        }
    }
}

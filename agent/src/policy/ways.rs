//! The ways that are known without being named: services that run commands or containers, or change files, as root or as somebody else,
//! for whoever may write to their socket.

/// Where each listens. In the directories of a user's session there is one for each user.
pub(super) const KNOWN: [(&str, &[&str]); 8] = [
    // https://docs.docker.com/reference/cli/dockerd/#daemon-socket-option, and without root
    ("docker", &["/run/docker.sock", "/var/run/docker.sock", "/run/user/*/docker.sock"]),
    // https://docs.podman.io/en/stable/markdown/podman-system-service.1.html
    ("podman", &["/run/podman/podman.sock", "/run/user/*/podman/podman.sock"]),
    ("containerd", &["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"]),
    ("crio", &["/run/crio/crio.sock"]),
    (
        "lxd",
        &["/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket", "/var/lib/incus/unix.socket"],
    ),
    ("libvirt", &["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"]),
    ("tmux", &["/tmp/tmux-*/*"]),
    ("screen", &["/run/screen/S-*/*"]),
];

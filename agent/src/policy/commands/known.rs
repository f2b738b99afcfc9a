//! The commands that are known without being named, each with where its tool says so.

use super::{By, Command, Words};

/// One that is known without being named; see [`Command`].
struct Known {
    name: &'static str,
    programs: &'static [&'static str],
    destroy: Sequences,
    recreate: Sequences,
    except: Sequences,
    until: Sequences,
    key: By,
}

type Sequences = &'static [&'static [&'static str]];

const fn of(name: &'static str, programs: &'static [&'static str], destroy: Sequences) -> Known {
    Known { name, programs, destroy, recreate: &[], except: &[], until: &[], key: By::Host }
}

impl Known {
    const fn made_by(self, recreate: Sequences) -> Self {
        Self { recreate, ..self }
    }

    const fn but(self, except: Sequences) -> Self {
        Self { except, ..self }
    }

    const fn until(self, until: Sequences) -> Self {
        Self { until, ..self }
    }

    const fn where_it_runs(self) -> Self {
        Self { key: By::Cwd, ..self }
    }
}

/// Any argument.
const ANY: Sequences = &[&["*"]];
const HELP: Sequences = &[&["--help"], &["--version"]];

/// What each tool's own documentation says.
static KNOWN: &[Known] = &[
    // https://developer.hashicorp.com/terraform/cli/commands/destroy: an alias for `apply -destroy`; its options take one dash or two.
    // `state rm` forgets what there is, and `workspace delete` drops a state. https://opentofu.org/docs/cli/commands/destroy/
    of(
        "terraform",
        &["terraform", "tofu"],
        &[
            &["destroy"],
            &["apply", "-destroy"],
            &["apply", "--destroy"],
            &["apply", "-destroy=true"],
            &["state", "rm"],
            &["workspace", "delete"],
        ],
    )
    .made_by(&[&["apply"]])
    .but(&[&["-help"], &["--help"], &["-h"]])
    .where_it_runs(),
    // https://www.pulumi.com/docs/iac/cli/commands/pulumi_destroy/, …/pulumi_stack_rm/
    of("pulumi", &["pulumi"], &[&["destroy"], &["down"], &["dn"], &["stack", "rm"]])
        .made_by(&[&["up"], &["update"]])
        .but(&[&["--preview-only"], &["--help"], &["-h"]])
        .where_it_runs(),
    // https://kubernetes.io/docs/reference/kubectl/generated/kubectl_delete/, …/kubectl_replace/ (--force deletes first), …/kubectl_drain/
    of(
        "kubectl",
        &["kubectl", "oc"],
        &[&["delete"], &["replace", "--force"], &["replace", "--force=true"], &["drain"]],
    )
    .made_by(&[&["apply"], &["create"], &["replace"]])
    .but(&[&["--dry-run=client"], &["--dry-run=server"], &["--help"], &["-h"]])
    .until(&[&["exec"], &["run"], &["auth"], &["wait"], &["explain"]]),
    // https://helm.sh/docs/helm/helm_uninstall/, with its aliases
    of("helm", &["helm"], &[&["uninstall"], &["delete"], &["del"], &["un"]])
        .made_by(&[&["install"], &["upgrade", "--install"], &["upgrade", "-i"]])
        .but(&[&["--dry-run"], &["--dry-run=client"], &["--dry-run=server"], &["--help"], &["-h"]]),
    // https://docs.aws.amazon.com/cli/latest/reference/: the commands of services are named after what the API does
    of(
        "aws",
        &["aws"],
        &[
            &["delete-*"],
            &["batch-delete-*"],
            &["terminate-*"],
            &["deregister-*"],
            &["purge-queue"],
            &["schedule-key-del*"],
            &["s3", "rb"],
            &["s3", "rm"],
            &["s3", "sync", "--delete"],
        ],
    )
    .made_by(&[&["create-*"], &["run-instances"], &["s3", "mb"]])
    .but(&[&["--dry-run"], &["--dryrun"]]),
    // https://cloud.google.com/sdk/gcloud/reference: GROUP delete; storage has rm
    of(
        "gcloud",
        &["gcloud"],
        &[&["delete"], &["storage", "rm"], &["storage", "rsync", "--delete-unmatched-destination-objects"]],
    )
    .made_by(&[&["create"], &["deploy"]])
    .but(&[&["--help"]]),
    // https://cloud.google.com/storage/docs/gsutil/commands/rm, …/rb
    of("gsutil", &["gsutil"], &[&["rm"], &["rb"]]).made_by(&[&["mb"]]),
    // https://learn.microsoft.com/en-us/cli/azure/reference-index: GROUP delete, and the batches of storage
    of("az", &["az"], &[&["delete"], &["delete-batch"], &["purge"]])
        .made_by(&[&["create"]])
        .but(&[&["--help"], &["-h"]]),
    // https://docs.docker.com/reference/cli/docker/, https://docs.podman.io/en/latest/Commands.html. `compose` is a program of its own
    of(
        "docker",
        &["docker", "podman"],
        &[
            &["rm"],
            &["rmi"],
            &["prune"],
            &["system", "reset"],
            &["container", "remove"],
            &["image", "remove"],
            &["volume", "remove"],
            &["network", "remove"],
            &["service", "remove"],
            &["stack", "down"],
        ],
    )
    .made_by(&[&["run"], &["create"], &["deploy"]])
    .but(&[&["--dry-run"], &["--help"]])
    .until(&[&["run"], &["exec"], &["compose"], &["build"]]),
    // https://docs.docker.com/reference/cli/docker/compose/down/
    of("docker-compose", &["docker-compose", "podman-compose"], &[&["down"], &["rm"]])
        .made_by(&[&["up"], &["create"]])
        .but(&[&["--dry-run"], &["--help"]])
        .until(&[&["run"], &["exec"]])
        .where_it_runs(),
    // systemctl(1): https://www.freedesktop.org/software/systemd/man/latest/systemctl.html
    of("systemctl", &["systemctl"], &[&["stop"], &["disable"], &["mask"], &["isolate"], &["clean"]])
        .made_by(&[&["start"], &["enable"], &["unmask"]])
        .but(&[&["--help"], &["-h"]]),
    // https://www.postgresql.org/docs/current/app-dropdb.html, …/app-dropuser.html
    of("dropdb", &["dropdb", "dropuser"], ANY).but(HELP),
    // https://www.postgresql.org/docs/current/app-psql.html: a statement is an argument of its own, or behind an option's letter
    of(
        "psql",
        &["psql"],
        &[
            &["DROP *"],
            &["drop *"],
            &["TRUNCATE *"],
            &["truncate *"],
            &["DELETE FROM *"],
            &["delete from *"],
            &["--command=DROP *"],
            &["--command=drop *"],
            &["-cDROP *"],
            &["-cdrop *"],
            &["-cTRUNCATE *"],
            &["-ctruncate *"],
        ],
    ),
    // https://dev.mysql.com/doc/refman/8.4/en/mysqladmin.html, and MariaDB's
    of("mysqladmin", &["mysqladmin", "mariadb-admin"], &[&["drop"]]).made_by(&[&["create"]]),
    // https://openzfs.github.io/openzfs-docs/man/master/8/zfs-destroy.8.html, …/zfs-rollback.8.html
    of("zfs", &["zfs"], &[&["destroy"], &["rollback"]])
        .made_by(&[&["create"], &["receive"]])
        .but(&[&["destroy", "-n*"]]),
    // https://openzfs.github.io/openzfs-docs/man/master/8/zpool-destroy.8.html, …/zpool-labelclear.8.html
    of("zpool", &["zpool"], &[&["destroy"], &["labelclear"]]).made_by(&[&["create"], &["import"]]),
    // https://man7.org/linux/man-pages/man8/lvremove.8.html, …/vgremove.8.html, …/pvremove.8.html, and all of them as lvm(8)
    of("lvremove", &["lvremove", "vgremove", "pvremove"], ANY).but(&[
        &["--test"],
        &["-t"],
        &["--help"],
        &["-h"],
        &["--version"],
    ]),
    of("lvm", &["lvm"], &[&["lvremove"], &["vgremove"], &["pvremove"]]).but(&[
        &["--test"],
        &["-t"],
        &["--help"],
    ]),
    // https://man7.org/linux/man-pages/man8/mke2fs.8.html: -n only says what it would do. mkfs(8) calls these
    of("mke2fs", &["mke2fs", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4"], ANY).but(&[&["-n"], &["-V"]]),
    // https://man7.org/linux/man-pages/man8/mkfs.8.html, and those of each file system, whose options differ
    of(
        "mkfs",
        &[
            "mkfs.xfs",
            "mkfs.btrfs",
            "mkfs.f2fs",
            "mkfs.vfat",
            "mkfs.fat",
            "mkfs.exfat",
            "mkfs.ntfs",
            "mkswap",
        ],
        ANY,
    )
    .but(HELP),
    // https://man7.org/linux/man-pages/man8/wipefs.8.html: without these it lists
    of("wipefs", &["wipefs"], &[&["-a*"], &["--all"], &["-o"], &["--offset*"], &["-fa"], &["-qa"]])
        .but(&[&["-n"], &["--no-act"]]),
    // https://git-scm.com/docs/git-clean, …/git-reset, …/git-push
    of(
        "git",
        &["git"],
        &[
            &["clean", "-f*"],
            &["clean", "-df*"],
            &["clean", "-xf*"],
            &["clean", "-xdf*"],
            &["clean", "-dxf*"],
            &["clean", "-Xf*"],
            &["clean", "-Xdf*"],
            &["clean", "--force"],
            &["reset", "--hard"],
            &["push", "--force*"],
            &["push", "-f*"],
            &["push", "--mirror"],
            &["push", "--prune"],
            &["push", "--delete"],
            &["push", "-d"],
            &["push", "+*"],
            &["push", ":*"],
        ],
    )
    .but(&[&["clean", "-n"], &["clean", "--dry-run"], &["push", "--dry-run"], &["push", "-n"]])
    .until(&[&["submodule", "foreach"], &["submodule--helper"], &["bisect", "run"]])
    .where_it_runs(),
];

/// Each as the policy would have it.
pub(in super::super) fn known() -> impl Iterator<Item = Command> {
    KNOWN.iter().map(|Known { name, programs, destroy, recreate, except, until, key }| {
        let words = |sequences: &[&[&str]]| {
            let parsed = |words: &&[&str]| Words(words.iter().flat_map(|word| word.parse()).collect());
            sequences.iter().map(parsed).collect()
        };
        Command {
            name: (*name).to_owned(),
            programs: programs.iter().map(|program| (*program).to_owned()).collect(),
            destroy: words(destroy),
            recreate: words(recreate),
            except: words(except),
            until: words(until),
            key: *key,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_written_as_a_policy_is() {
        for (command, known) in known().zip(KNOWN) {
            let lists = [
                (&command.destroy, known.destroy),
                (&command.recreate, known.recreate),
                (&command.except, known.except),
                (&command.until, known.until),
            ];
            for (read, written) in lists {
                let written: Vec<String> = written.iter().map(|words| words.join(" ")).collect();
                let words: usize = read.iter().map(|words| words.0.len()).sum();
                assert!(words <= agent_common::rules::command::MOST as usize, "{}", command.name);
                assert_eq!(
                    read.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    written,
                    "{}",
                    command.name
                );
            }
        }
    }
}

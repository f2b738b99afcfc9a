//! The commands that burstguard knows by itself, each as its tool's documentation has it, with a stand-in of that name.

use anyhow::Result;
use tests::Scene;

use super::{commands, done, stand_ins};

/// What destroys.
const DESTROYS: &[&str] = &[
    "terraform destroy -auto-approve",
    "terraform -chdir=env/prod apply -auto-approve -destroy",
    "terraform workspace delete old",
    "tofu destroy",
    "terraform apply -destroy=true",
    "terraform state rm module.prod",
    "pulumi destroy --yes --stack prod",
    "pulumi down -y",
    "pulumi stack rm prod",
    "kubectl delete namespace prod",
    "kubectl -n prod delete -f app.yaml",
    "kubectl replace --force -f app.yaml",
    "kubectl drain node-1 --ignore-daemonsets",
    "helm uninstall app --namespace prod",
    "helm delete app",
    "aws ec2 terminate-instances --instance-ids i-0",
    "aws cloudformation delete-stack --stack-name prod",
    "aws --region eu-west-1 rds delete-db-instance --db-instance-identifier prod --skip-final-snapshot",
    "aws s3 rb s3://prod --force",
    "aws s3 rm s3://prod --recursive",
    "aws s3 sync . s3://prod --delete",
    "aws ecr batch-delete-image --repository-name prod",
    "aws ec2 terminate-instances --instance-ids i-0 --query help",
    "gsutil rm -r gs://prod",
    "gcloud compute instances delete vm-1 --quiet",
    "gcloud storage rm --recursive gs://prod",
    "az group delete --name prod --yes",
    "az storage blob delete-batch --source c",
    "docker rm -f web",
    "docker system prune --all --force",
    "docker volume rm data",
    "docker container rm web",
    "docker rmi image",
    "docker-compose down",
    "podman rm --all",
    "podman system reset --force",
    "systemctl stop nginx.service",
    "systemctl --now disable nginx",
    "systemctl mask nginx",
    "dropdb prod",
    "psql -h db -c 'DROP TABLE users'",
    "psql --command='DROP DATABASE prod'",
    "psql -c 'TRUNCATE users'",
    "psql -Atc 'DROP TABLE users'",
    "mysqladmin -u root drop prod",
    "zfs destroy -r tank/home",
    "zfs rollback -r tank/home@monday",
    "zpool destroy tank",
    "lvremove -f vg/data",
    "vgremove vg",
    "mkfs.vfat -n BOOT /dev/null",
    "mkfs.btrfs -n 16k /dev/null",
    "mkfs.ext4 -F /dev/null",
    "mkfs.xfs -f /dev/null",
    "wipefs -a /dev/null",
    "wipefs --all --force /dev/null",
    "git clean -ffdx",
    "git -C work clean --force -d",
    "git reset --hard origin/main",
    "git push --force origin main",
    "git push --force-with-lease",
    "git push origin --delete main",
    "git push origin +main",
    "git push origin :main",
    "git clean -dfx",
    "kubectl delete ns prod -- --help",
];

/// What does not.
const DOES_NOT: &[&str] = &[
    "terraform plan -destroy",
    "terraform init",
    "terraform destroy -help",
    "terraform destroy --help",
    "kubectl delete -h",
    "pulumi preview",
    "kubectl get pods",
    "kubectl delete pod web --dry-run=client",
    "helm list",
    "helm uninstall app --dry-run",
    "aws ec2 describe-instances",
    "aws s3 rm s3://prod --recursive --dryrun",
    "aws s3 cp a s3://prod/a",
    "gcloud compute instances list",
    "az group list",
    "docker ps",
    "docker exec web rm -rf /tmp/x",
    "docker compose down --volumes",
    "kubectl exec pod -- delete",
    "kubectl auth can-i delete pods",
    "kubectl wait --for delete pod/x",
    "systemctl status nginx",
    "systemctl restart nginx",
    "systemctl kill --signal HUP nginx",
    "dropdb --help",
    "psql -c 'SELECT 1'",
    "mysqladmin status",
    "zfs list",
    "zfs destroy -nv tank/home",
    "zpool status",
    "lvremove --test vg/data",
    "mkfs.ext4 -n /dev/null",
    "wipefs /dev/null",
    "git clean -n",
    "git clean -dn",
    "git clean -xdn",
    "git submodule foreach git clean -ffdx",
    "git reset HEAD~1",
    "git push origin main",
    "git status",
];

#[test]
fn each_is_known_as_its_documentation_has_it() -> Result<()> {
    let mut scene =
        Scene::with(|policy, _| Ok(policy.budget("commands", "900/10m").budget("recreates", "900/10m")))?;
    let programs = DESTROYS.iter().chain(DOES_NOT).filter_map(|line| line.split(' ').next());
    let bin = stand_ins(&scene, programs)?;
    let lines: Vec<_> =
        DESTROYS.iter().chain(DOES_NOT).map(|line| format!("{}/{line}", bin.display())).collect();
    scene.shell(&format!("set -e\n{}", lines.join("\n")))?.until_done()?;
    assert_eq!(done(&scene).len(), DESTROYS.len() + DOES_NOT.len());
    // What the kernel has is the interpreter, the stand-in's path, and its arguments.
    let found: Vec<_> = commands(&mut scene)?
        .into_iter()
        .map(|(kinds, words)| {
            assert_eq!(kinds, "command", "{words}");
            words.replace(&format!("/bin/sh {}/", bin.display()), "")
        })
        .collect();
    assert_eq!(found.len(), DESTROYS.len(), "{found:?}");
    for (line, found) in DESTROYS.iter().zip(found) {
        // A record has room for so much of it.
        let found = found.trim_end_matches('…').trim_end();
        assert!(line.replace('\'', "").starts_with(found), "{line}: {found}");
    }
    scene.end().map(drop)
}

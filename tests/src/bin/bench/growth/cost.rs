//! What a call costs, over what a policy says and over how deep it is made.

use anyhow::{Result, ensure};
use tests::{Account, Daemon, Ground, Policy};

use super::{Curve, points, up_to};
use crate::cost::wide;
use crate::ground::{deep, open_up, unlinks};
use crate::scale::Scale;
use crate::walk::{ROOTS, roots};

const CALL: &str = "unlinkat in a tree";

pub(super) fn curves(scale: Scale) -> Result<Vec<Curve>> {
    let watched = Account::unlisted()?;
    let ground = Ground::in_memory(&watched)?;
    open_up(&ground.tree())?;
    let policy = wide(Policy::new(watched.name(), &ground.tree())).in_tier(scale.tier);
    let curve = Growing { scale, watched, ground, policy };
    Ok(vec![curve.over_roots()?, curve.over_accounts()?, curve.over_exceptions()?, curve.over_depth()?])
}

struct Growing {
    scale: Scale,
    watched: Account,
    ground: Ground,
    policy: Policy,
}

impl Growing {
    fn over_roots(&self) -> Result<Curve> {
        let at = up_to(&[1, 4, 16, ROOTS], self.scale.most);
        let roots = roots(&self.ground, ROOTS)?;
        let series = self.each(&at, |count| {
            roots[1..count].iter().fold(self.policy.clone(), |policy, root| policy.also(root))
        })?;
        Ok(Curve::new("roots", CALL, "protected directories", "ns", points(&at, series))
            .ends_by(self.scale, format!("a policy has at most {ROOTS} of them")))
    }

    fn over_accounts(&self) -> Result<Curve> {
        let at = up_to(&[1, 4, 16, 64, 256], self.scale.most);
        let account =
            |number| format!("[account.m{number}]\nusers = [{}]\ntrees = ['t0']\n", 70_000 + number);
        let series = self
            .each(&at, |count| self.policy.clone().and_says(&(1..count).map(account).collect::<String>()))?;
        Ok(Curve::new("accounts", CALL, "accounts", "ns", points(&at, series))
            .ends_by(self.scale, "a policy has at most 256 of them"))
    }

    fn over_exceptions(&self) -> Result<Curve> {
        let at = up_to(&[1, 4, 16, 64, 256], self.scale.most);
        let series = self.each(&at, |count| {
            let patterns: Vec<_> = (0..count).map(|number| format!("**/*.{number}")).collect();
            self.policy.clone().except(&patterns)
        })?;
        Ok(Curve::new(
            "exceptions",
            CALL,
            "patterns that are excepted in the tree",
            "ns",
            points(&at, series),
        )
        .ends_by(self.scale, "a tree has at most 256 of them")
        .because("each is compared with the name"))
    }

    fn over_depth(&self) -> Result<Curve> {
        const DEPTHS: [usize; 7] = [1, 2, 5, 10, 20, 40, 60];
        let mut directories = Vec::new();
        for depth in DEPTHS {
            let top = self.ground.tree().join(format!("depth-{depth}"));
            self.ground.make_directory(&top)?;
            directories.push(deep(&self.ground, &top, depth - 1)?);
            open_up(&top)?;
        }
        let mut series = vec![Vec::new(); DEPTHS.len()];
        let mut daemon = Daemon::start(&self.policy, self.ground.base())?;
        for _ in 0..self.scale.runs {
            for (directory, series) in directories.iter().zip(&mut series) {
                series.push(unlinks(&self.watched, &self.ground, directory, self.scale.calls)?);
            }
        }
        ensure!(!daemon.has_burst()?, "the budget was exceeded: what was measured is not what should be");
        daemon.end()?;
        Ok(Curve::new("depth", CALL, "directories below its root", "ns", points(&DEPTHS, series))
            .because("each directory on the way up is looked at"))
    }

    /// Under a policy for each place, in turns.
    fn each(&self, at: &[usize], policy: impl Fn(usize) -> Policy) -> Result<Vec<Vec<f64>>> {
        let mut series = vec![Vec::new(); at.len()];
        for _ in 0..self.scale.long_runs {
            for (&count, series) in at.iter().zip(&mut series) {
                let mut daemon = Daemon::start(&policy(count), self.ground.base())?;
                series.push(unlinks(&self.watched, &self.ground, &self.ground.tree(), self.scale.calls)?);
                ensure!(
                    !daemon.has_burst()?,
                    "the budget was exceeded: what was measured is not what should be"
                );
                daemon.end()?;
            }
        }
        Ok(series)
    }
}

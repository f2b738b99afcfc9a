//! One account, one responder.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent_common::rules::{
    BootNs, Kind, Kinds, NEVER,
    grant::NUMBERS,
    judge::{Phase, Standing},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{
        Allowance, Answer, Bytes, IncidentDetail, Problem, ProcessView, Reason, Request, Responder, Sizes,
        Status, StoreView, Target,
    },
    daemon::{
        About, AccountFacts, Asked, Chosen, Effect, Facts, Frozen, GrantFacts, HeldFacts, Input, Names,
        Outcome, ProcessFacts, Rights, Touched,
    },
    enforcer::freezer::FreezeState,
    incidents::{Engaged, Incidents, Off, WasOff},
    policy::{self, Hold},
    processes::proc::ProcessId,
    sensor::{Act, BudgetUse, Grant, HeldCall, HeldName, Holder, Judgement, Record, What},
    store::{Entry, Left, Past},
};

pub(super) const S: BootNs = 1_000_000_000;
pub(super) const NOW: BootNs = 1000 * S;
/// The account's index; 0 is the self-test's.
const ACCOUNT: u32 = 1;

pub(super) struct Scene {
    pub(super) incidents: Incidents,
    pub(super) now: BootNs,
    pub(super) rights: Rights,
    pub(super) acts_for: Option<String>,
    pub(super) asking: u32,
    /// For how long it says that it waits.
    pub(super) patience: Option<Duration>,
    /// Who asks, and how many people it takes to let something go on.
    pub(super) person: u32,
    pub(super) people: u8,
    pub(super) about: Vec<ProcessFacts>,
    pub(super) last_call: u64,
    pub(super) account: AccountFacts,
    /// The accounts behind it.
    pub(super) others: Vec<AccountFacts>,
    pub(super) governor: policy::Governor,
    pub(super) grants: Vec<GrantFacts>,
    /// What was to be written down, and whether before anything was done.
    pub(super) written: Vec<(Entry, bool)>,
    /// What the record has of earlier daemons.
    pub(super) past: Past,
    tier: Chosen,
    /// By how much the clock on the wall was set.
    pub(super) clock: SignedDuration,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::responding("hold")
    }

    pub(super) fn responding(response: &'static str) -> Self {
        let account = AccountFacts {
            name: "deployer".to_owned(),
            note: None,
            response,
            escapes: "observe",
            standing: Standing::ARMED,
            granted_until: 0,
            warm_until: 0,
            budgets: vec![BudgetUse { kind: Kind::Delete, used: 0, limit: 3, window: 10 * S }],
            processes: 1,
            stopped: 0,
            held: Vec::new(),
            refused: 0,
            hold: Hold::default(),
            contact: None,
        };
        let mut scene = Self {
            incidents: Incidents::new(names(), 40),
            now: NOW,
            rights: Rights { view: true, respond: true, admin: true },
            acts_for: None,
            asking: 900,
            patience: None,
            person: 1004,
            people: 1,
            about: vec![process(77)],
            last_call: 0,
            account,
            others: Vec::new(),
            governor: policy::Governor::default(),
            grants: Vec::new(),
            written: Vec::new(),
            past: Past::default(),
            tier: Chosen::tracepoint(""),
            clock: SignedDuration::ZERO,
        };
        scene.look();
        scene
    }

    /// Where calls can wait.
    pub(super) fn holding(response: &'static str) -> Self {
        let mut scene = Self::responding(response);
        scene.tier = Chosen::lsm();
        scene.look();
        scene
    }

    /// The time of day.
    pub(super) fn wall(&self) -> Timestamp {
        let since = i64::try_from(i128::from(self.now) - i128::from(NOW)).expect("not so long");
        Timestamp::UNIX_EPOCH + self.clock + SignedDuration::from_nanos(since)
    }

    fn facts(&self) -> Arc<Facts> {
        Arc::new(Facts {
            now: self.now,
            wall: self.wall(),
            about: Arc::new(About {
                tier: self.tier.clone(),
                approvals: self.people,
                governor: self.governor,
                ..About::default()
            }),
            accounts: std::iter::once(&self.account).chain(&self.others).cloned().collect(),
            grants: self.grants.clone(),
            counters: Vec::new(),
            policy_changed: false,
            store: StoreView::default(),
            webhooks: Vec::new(),
            keeper: Default::default(),
        })
    }

    /// The effects, once what is to be written is.
    pub(super) fn on(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = self.incidents.on(input, self.now);
        if matches!(effects.first(), Some(Effect::Record { .. }))
            && let Effect::Record { entries, then } = effects.remove(0)
        {
            let first = !then.is_empty();
            assert!(!first || effects.is_empty(), "done before it is written: {effects:?}");
            self.written.extend(entries.into_iter().map(|entry| (entry, first)));
            effects.extend(then);
        }
        effects
    }

    /// A second has passed.
    pub(super) fn look(&mut self) {
        let facts = self.facts();
        self.on(Input::Facts(facts));
    }

    /// The daemon before has left a freeze.
    pub(super) fn found(&mut self, id: u64, target: Target, processes: u64) {
        let (facts, freezes) = (self.facts(), vec![Frozen { id, target, processes }]);
        self.on(Input::Found { left: Vec::new(), freezes, off: WasOff::Unknown, governor: None, facts });
    }

    /// Another daemon follows on this one, which remembers this much.
    pub(super) fn succeed(&mut self, off: Option<Off>, governor: Option<Engaged>) -> Vec<Effect> {
        self.incidents = Incidents::new(names(), self.incidents.last());
        let facts = self.facts();
        let off = off.map_or(WasOff::Unknown, |off| WasOff::Known(Some(off)));
        self.on(Input::Found { left: Vec::new(), freezes: Vec::new(), off, governor, facts })
    }

    /// The daemon before was not off, and has left that written; what the kernel lets pass is something else.
    pub(super) fn succeed_one_that_was_on(&mut self) -> Vec<Effect> {
        self.incidents = Incidents::new(names(), self.incidents.last());
        let facts = self.facts();
        let off = WasOff::Known(None);
        self.on(Input::Found { left: Vec::new(), freezes: Vec::new(), off, governor: None, facts })
    }

    /// The daemon is killed; what it has written, and what the kernel has, is there for the next one of the same boot.
    pub(super) fn restart(&mut self) -> Vec<Effect> {
        self.restart_with(Vec::new(), "this")
    }

    /// The same with freezes, and in a boot.
    pub(super) fn restart_with(&mut self, freezes: Vec<Frozen>, boot: &str) -> Vec<Effect> {
        let last: BTreeMap<_, _> =
            self.written.iter().filter_map(|(entry, _)| Some((entry.incident()?, entry))).collect();
        let left = last.values().filter_map(|entry| Left::by(entry, "this", boot)).collect();
        self.incidents = Incidents::new(names(), 0);
        let facts = self.facts();
        self.on(Input::Found { left, freezes, off: WasOff::Unknown, governor: None, facts })
    }

    /// The kernel has the account tripped, with so many stopped processes.
    pub(super) fn trip(&mut self, stopped: u64) {
        self.account.standing = Standing { phase: Phase::Tripped, until: NEVER };
        self.account.stopped = stopped;
    }

    /// The kernel has the account tripped, and calls of these processes wait since a moment.
    pub(super) fn hold(&mut self, at: BootNs, pids: &[u32]) {
        self.trip(0);
        self.account.held = pids.iter().map(|pid| held(*pid, at)).collect();
    }

    /// Nobody waits any more, and the account stands so.
    pub(super) fn stand(&mut self, phase: Phase, until: BootNs) {
        self.account.standing = Standing { phase, until };
        self.account.held.clear();
    }

    /// The kernel knows of a grant, with so many processes under it.
    pub(super) fn grant(&mut self, incident: u64, until: BootNs, processes: u64) {
        let grant = Grant {
            account: ACCOUNT,
            incident,
            until,
            allowance: Allowance::numbers(None),
            holder: Holder::Processes,
        };
        self.grants = vec![GrantFacts { index: 5, grant, processes }];
    }

    /// The kernel knows of a lease, with so much left of it.
    pub(super) fn lease(&mut self, incident: u64, until: BootNs, allowance: [u64; NUMBERS]) {
        let grant = Grant { account: ACCOUNT, incident, until, allowance, holder: Holder::Account };
        self.grants = vec![GrantFacts { index: 5, grant, processes: 0 }];
        self.look();
    }

    /// A second has passed, and this follows.
    pub(super) fn look_again(&mut self) -> Vec<Effect> {
        self.now += 2 * S;
        let facts = self.facts();
        self.on(Input::Facts(facts))
    }

    /// A record of the account about a path.
    pub(super) fn tell(
        &mut self,
        at: BootNs,
        what: impl Fn(Act) -> What,
        path: &str,
        grant: u32,
    ) -> Vec<Effect> {
        let act = Act { grant, path: path.as_bytes().to_vec(), ..act() };
        self.on(Input::Records(vec![Self::record(ACCOUNT, at, what(act))]))
    }

    pub(super) fn record(account: u32, at: BootNs, what: What) -> Record {
        Record { at, account, pid: 77, tid: 77, uid: 998, comm: b"rm".to_vec(), what }
    }

    pub(super) fn operation(&mut self, at: BootNs) {
        let record = Self::record(ACCOUNT, at, What::Operation(act()));
        self.on(Input::Records(vec![record]));
    }

    pub(super) fn burst(&mut self, at: BootNs) -> Vec<Effect> {
        let record = Self::record(ACCOUNT, at, What::Burst(act()));
        self.on(Input::Records(vec![record]))
    }

    pub(super) fn ask(&mut self, request: Request) -> Vec<Effect> {
        self.last_call += 1;
        let name = Some(if self.person == 1004 { "oncall" } else { "lead" }.to_owned());
        let asked = Asked {
            call: self.last_call,
            by: Responder::User { uid: self.person, name, login: None, pid: self.asking },
            person: self.person,
            pid: self.asking,
            rights: self.rights,
            acts_for: self.acts_for.clone(),
            may_launch: false,
            request,
            patience: self.patience,
            facts: self.facts(),
            about: self.about.clone(),
            askers: vec![self.asking],
            past: self.past.clone(),
        };
        self.on(Input::Asked(Box::new(asked)))
    }

    pub(super) fn refused(&mut self, request: Request) -> Problem {
        let effects = self.ask(request);
        match &effects[..] {
            [Effect::Reply(_, answer)] => answer.as_ref().as_ref().expect_err("a refusal").clone(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn status(&mut self) -> Status {
        let effects = self.ask(Request::Status);
        match &replies(&effects)[..] {
            [Ok(Answer::Status(status))] => (**status).clone(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn detail(&mut self, id: u64) -> IncidentDetail {
        let rights = std::mem::replace(&mut self.rights, Rights { view: true, respond: true, admin: true });
        let acts_for = self.acts_for.take();
        let effects = self.ask(Request::Incident(id));
        (self.rights, self.acts_for) = (rights, acts_for);
        match &replies(&effects)[..] {
            [Ok(Answer::Incident(detail))] => (**detail).clone(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn freeze(&mut self, target: Target, until: Option<Duration>) -> Vec<Effect> {
        self.ask(Request::Freeze { target, until, reason: reason() })
    }

    pub(super) fn froze(&mut self, incident: u64) -> Vec<Effect> {
        let processes = self.about.iter().map(|process| process.view.clone()).collect();
        let done = Touched { processes, began: self.now, ..Touched::default() };
        self.on(Input::Outcome(Outcome::Froze { incident, done }))
    }

    pub(super) fn frozen(&mut self, id: u64, processes: usize) -> Vec<Effect> {
        self.on(Input::Frozen(FreezeState { id, frozen: true, processes }))
    }
}

fn names() -> Names {
    Names::of(["deployer", "b", "c", "d", "e"], ["/srv"])
        .knowing(["one, /run/1.sock", "two, /run/2.sock"])
        .owning("/etc/burstguard", "policy")
}

pub(super) fn act() -> Act {
    let sizes = Sizes::default();
    Act {
        judged: Judgement::NONE,
        key: 0,
        verb: 0,
        root: Some(1),
        other: None,
        kinds: Kinds::of(Kind::Delete),
        over: false,
        grant: 0,
        way: None,
        command: false,
        path: b"f".to_vec(),
        sizes,
    }
}

fn held(pid: u32, at: BootNs) -> HeldFacts {
    let call = HeldCall {
        tid: pid,
        process: ProcessId { pid, start: 1 },
        parent: 1,
        account: ACCOUNT,
        at,
        command: false,
        kinds: Kinds::of(Kind::Delete),
        path: b"d/waits".to_vec(),
        names: vec![HeldName { root: Some(1), directory: 9 }],
    };
    HeldFacts { call, tree: Some("/srv".into()) }
}

fn process(pid: u32) -> ProcessFacts {
    let name = |text: &str| Bytes::Text(text.to_owned());
    ProcessFacts {
        id: ProcessId { pid, start: 1 },
        view: ProcessView {
            pid,
            parent: 1,
            comm: name("rm"),
            command: name("rm -rf ."),
            uid: 998,
            login: None,
            cgroup: None,
            cwd: None,
            terminal: None,
            ssh_from: None,
            stopped: false,
            held: false,
            frozen: false,
        },
        account: None,
        identity: None,
        above: None,
        spared: None,
    }
}

pub(super) fn reason() -> Reason {
    Reason::try_from("INC-88".to_owned()).expect("a reason")
}

/// The answers among effects.
pub(super) fn replies(effects: &[Effect]) -> Vec<&Result<Answer, Problem>> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Reply(_, answer) => Some(&**answer),
            _ => None,
        })
        .collect()
}

//! A process of a lineage, and what its account's row says.

use agent_common::{
    rules::{
        NEVER,
        judge::{Alone, Response, Responses, Standing},
        name::Horizon,
    },
    wire::{
        Counter,
        row::{Account, alone, leases_of, response},
    },
};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;

use crate::{count::count, maps::ACCOUNTS};

/// The running process, which is one of a lineage.
#[derive(Clone, Copy)]
pub struct Actor {
    pub thread: u64,
    pub index: u32,
    pub account: *mut Account,
    /// The index of the grant under which it acts; 0 for none.
    pub grant: u32,
}

impl Actor {
    /// The running process, known to act for this account.
    #[inline(always)]
    pub fn of(index: u32) -> Option<Self> {
        let Some(account) = ACCOUNTS.get_ptr_mut(index) else {
            count(Counter::UnknownAccount);
            return None;
        };
        Some(Self { thread: bpf_get_current_pid_tgid(), index, account, grant: 0 })
    }

    /// Whether it is the one that runs.
    #[inline(always)]
    pub fn is_here(&self) -> bool {
        (bpf_get_current_pid_tgid() >> 32) as u32 == self.tgid()
    }

    #[inline(always)]
    pub fn tgid(&self) -> u32 {
        (self.thread >> 32) as u32
    }

    #[inline(always)]
    pub fn tid(&self) -> u32 {
        self.thread as u32
    }

    /// How long its account's doing is remembered.
    #[inline(always)]
    pub fn horizon(&self) -> Horizon {
        // SAFETY: a live entry of an array map, here and below.
        Horizon::of(unsafe { (*self.account).horizon })
    }

    /// Since when what it makes counts as its own.
    #[inline(always)]
    pub fn scratch_from(&self) -> u64 {
        // SAFETY: as above; volatile because other CPUs write it.
        unsafe { core::ptr::read_volatile(&raw const (*self.account).scratch_from) }
    }

    /// What it made before this time is not its own any more.
    #[inline(always)]
    pub fn disown_before(&self, at: u64) {
        // SAFETY: as above.
        unsafe { core::ptr::write_volatile(&raw mut (*self.account).scratch_from, at) }
    }

    #[inline(always)]
    pub fn standing_ptr(&self) -> *mut u64 {
        // SAFETY: as above.
        unsafe { &raw mut (*self.account).standing }
    }

    #[inline(always)]
    pub fn refused_ptr(&self) -> *mut u64 {
        // SAFETY: as above.
        unsafe { &raw mut (*self.account).refused }
    }

    #[inline(always)]
    pub fn judged_ptr(&self) -> *mut u64 {
        // SAFETY: as above.
        unsafe { &raw mut (*self.account).judged }
    }

    #[inline(always)]
    pub fn standing_word(&self) -> u64 {
        // SAFETY: as above; volatile because other CPUs and the agent write it.
        unsafe { core::ptr::read_volatile(self.standing_ptr()) }
    }

    #[inline(always)]
    pub fn standing(&self) -> Standing {
        Standing::from_word(self.standing_word())
    }

    /// Whose grants let it pass: its own one, and the account's leases; 0 for none.
    #[inline(always)]
    pub fn holders(&self) -> [u32; 2] {
        // SAFETY: as above.
        let leases = unsafe { core::ptr::read_volatile(&raw const (*self.account).leases) };
        [self.grant, if leases == 0 { 0 } else { leases_of(self.index) }]
    }

    /// What becomes of its calls that should wait while there is no agent.
    #[inline(always)]
    pub fn alone(&self) -> Alone {
        // SAFETY: as above.
        match unsafe { (*self.account).alone } {
            alone::DENY => Alone::Deny,
            alone::OBSERVE => Alone::Observe,
            _ => Alone::Wait,
        }
    }

    #[inline(always)]
    pub fn responses(&self, now: u64) -> Responses {
        // SAFETY: as above.
        let (burst, escape) = unsafe { ((*self.account).response, (*self.account).escapes) };
        // SAFETY: as above.
        let tampering = unsafe { (*self.account).tampering };
        // SAFETY: as above.
        let granted_until = unsafe { core::ptr::read_volatile(&raw const (*self.account).granted_until) };
        let [burst, escape, tampering] = [response(burst), response(escape), response(tampering)];
        Responses { burst, escape, tampering, until: NEVER }.under(granted_until, now)
    }
}

#[inline(always)]
fn response(word: u32) -> Response {
    match word {
        response::OBSERVE => Response::Observe,
        response::DENY => Response::Deny,
        response::FREEZE => Response::Freeze,
        _ => Response::Hold,
    }
}

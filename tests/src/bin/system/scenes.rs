//! What happens on the host, in order: one list for each boot.

mod asking;
mod booting;
mod freezing;
mod installing;
mod leaving;
mod upkeep;

use anyhow::Result;

use crate::book::Book;

/// One of them; it leaves nothing that waits.
pub type Scene = fn(&mut Book) -> Result<()>;

/// Those of each boot.
pub const BOOTS: [&[(&str, Scene)]; 3] = [
    &[
        ("installing::the_package_is_installed_and_the_unit_is_armed", installing::installed),
        ("installing::what_readme_says_leads_to_the_first_deletion_that_waits", installing::readme),
        ("installing::a_policy_of_the_host_comes_into_force", installing::policy),
        ("installing::prometheus_scrapes_and_evaluates_every_rule", installing::prometheus),
        ("asking::a_service_waits_is_told_of_and_is_approved_by_a_responder", asking::service),
        ("asking::a_job_of_cron_is_refused", asking::cron),
        ("asking::a_container_waits_in_its_scope", asking::scope),
        ("asking::a_drill_is_followed_to_the_alert", asking::drill),
        ("asking::an_account_does_nothing_to_burstguard_as_root_either", asking::tampering),
        ("upkeep::a_restart_leaves_waiting_what_waits", upkeep::restart),
        ("upkeep::nobody_gets_on_while_no_daemon_runs", upkeep::stop),
        ("upkeep::a_killed_daemon_comes_back_by_itself", upkeep::kill),
        ("upkeep::an_upgrade_has_no_gap", upkeep::upgrade),
        ("freezing::a_service_ten_times", freezing::service),
        ("freezing::a_scope_ten_times", freezing::scope),
        ("freezing::a_login_session_ten_times", freezing::session),
        ("freezing::a_unit_that_is_stopped_while_frozen_ends", freezing::stopped),
        ("booting::what_waits_and_a_lease_go_into_a_reboot", booting::before),
    ],
    &[
        ("booting::it_is_armed_anew_and_the_lease_is_there", booting::after),
        ("booting::a_policy_that_is_broken_goes_into_a_reboot", booting::break_policy),
    ],
    &[
        ("booting::a_daemon_that_fails_delays_no_boot", booting::failed),
        ("leaving::what_is_removed_lets_go_and_leaves_its_policy", leaving::remove),
        ("leaving::what_is_purged_leaves_nothing", leaving::purge),
    ],
];

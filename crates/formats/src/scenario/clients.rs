//! The sections about clients: what they ask, and what must come back for them.

use quarrel_protocol::Lasting;
use quarrel_spec::machine::Kind;

use super::bounds;
use super::model::{Draw, Recovery, Workload};
use super::nodes::read_nodes;
use super::raw::{Off, Raw, RawValue, Table, meant};
use super::sections::{rate, read_chance};
use super::source::Complaint;
use crate::input::quoted;

/// `[workload]`.
pub(super) fn read_workload(raw: &Raw) -> Result<Workload, Complaint> {
    let table = raw.table(&[
        "operations",
        "clients",
        "every",
        "burst",
        "machine",
        "keys",
        "reads",
        "skew",
        "closed-loop",
        "think",
        "timeout",
        "attempts",
        "pending",
        "distrust",
    ])?;
    let mut workload = Workload::default();
    table.read("operations", &mut workload.operations, |raw| {
        raw.draw(Off::Allowed, |raw| raw.integer(bounds::OPERATIONS))
    })?;
    table.read("clients", &mut workload.clients, |raw| {
        raw.draw(Off::Impossible, |raw| raw.integer(bounds::CLIENTS))
    })?;
    table.read("every", &mut workload.every_ns, |raw| {
        raw.draw(Off::Impossible, |raw| raw.duration(bounds::OPERATION_GAP))
    })?;
    table.read("burst", &mut workload.burst, |raw| {
        raw.draw(Off::Allowed, |raw| raw.integer(bounds::OPERATIONS_BURST))
    })?;
    read_asked(&table, &mut workload)?;
    table.read("timeout", &mut workload.policy.timeout_ns, |raw| raw.duration(bounds::SOME_TIME))?;
    table.read("attempts", &mut workload.attempts, |raw| {
        raw.draw(Off::Impossible, |raw| raw.integer(bounds::ATTEMPTS))
    })?;
    table.read("pending", &mut workload.policy.pending_max, |raw| raw.integer(bounds::OPERATIONS_PENDING))?;
    table.read("distrust", &mut workload.policy.distrust_after, |raw| {
        raw.integer(bounds::ATTEMPTS).map(Some)
    })?;
    if workload.operations.most() > 0 && workload.clients.least() == 0 {
        let culprit = table.get("clients").unwrap_or(raw);
        return Err(culprit.complain("operations need at least one client"));
    }
    Ok(workload)
}

/// What clients ask, and whether they wait.
fn read_asked(table: &Table<'_>, workload: &mut Workload) -> Result<(), Complaint> {
    table.read("machine", &mut workload.machines, read_machines)?;
    workload.machine_place = table.get("machine").map(|raw| raw.place);
    table
        .read("keys", &mut workload.keys, |raw| raw.draw(Off::Impossible, |raw| raw.integer(bounds::KEYS)))?;
    table.read("reads", &mut workload.reads_ppm, rate)?;
    table.read("skew", &mut workload.skew_ppm, rate)?;
    table.read("closed-loop", &mut workload.closed_loop, |raw| raw.draw(Off::Impossible, Raw::flag))?;
    table.read("think", &mut workload.think_ns, |raw| {
        raw.draw(Off::Allowed, |raw| raw.duration(bounds::ANY_TIME))
    })?;
    // Who pins the loop to be open cannot take the file's `think` away.
    let is_pinned = table.get("closed-loop").is_some_and(|raw| raw.place.is_set());
    if let Some(think) = table.get("think").filter(|_| !is_pinned)
        && workload.closed_loop == Draw::Fixed(false)
    {
        let help = "write `closed-loop = true`";
        return Err(think
            .complain("only a client that waits for outcomes thinks about them")
            .with_help(help));
    }
    Ok(())
}

/// One machine, or `{ one-of = [...] }`.
fn read_machines(raw: &Raw) -> Result<Vec<Kind>, Complaint> {
    match raw.value {
        RawValue::Table(_) => raw.table(&["one-of"])?.require("one-of")?.list(read_machine),
        RawValue::List(_) => {
            let complaint = raw.complain("a cluster runs one state machine");
            Err(complaint.with_help("to choose from a list, write { one-of = [...] }"))
        }
        _ => Ok(vec![read_machine(raw)?]),
    }
}

fn read_machine(raw: &Raw) -> Result<Kind, Complaint> {
    let name = raw.text()?;
    Kind::from_name(name).ok_or_else(|| {
        let help = meant(name, Kind::NAMES.into_iter());
        raw.complain(format!("there is no state machine {}", quoted(name))).with_help(help)
    })
}

/// `[liveness]`.
pub(super) fn read_liveness(raw: &Raw, nodes: &Draw<u8>) -> Result<Recovery, Complaint> {
    let table = raw.table(&["core", "outsiders", "stay", "rounds"])?;
    let mut recovery = Recovery::default();
    table.read("core", &mut recovery.core, |raw| {
        // By name, `all` of the fewest nodes would be a minority of the most.
        let complaint = || raw.complain("a core needs a fixed number of nodes").with_help("see `nodes`");
        read_nodes(raw, nodes.fixed().ok_or_else(complaint)?).map(Some)
    })?;
    if let Some(outsiders) = table.get("outsiders") {
        if recovery.core.is_some() {
            return Err(outsiders.complain("`core` says who heals, so nobody else is drawn"));
        }
        recovery.outsiders_ppm = read_chance(Some(outsiders))?;
    }
    table.read("stay", &mut recovery.stay, |raw| {
        raw.list(|item| item.word(&Lasting::ALL.map(|ails| (ails.name(), ails))))
    })?;
    table.read("rounds", &mut recovery.rounds, |raw| raw.integer(bounds::ROUNDS))?;
    Ok(recovery)
}

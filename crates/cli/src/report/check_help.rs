//! Below the help of `check`: the format of histories, and the schema of the report.

/// Below the help of `check`.
pub(crate) const CHECK_HELP: &str = "\
A history is JSON lines, in the manner of Jepsen, one for each call and each answer, in the order in
which they happened:

  {\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":3}
  {\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}
  {\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":3}
  {\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":3}

  process   who asks: a whole number or a name; lines of \"nemesis\" are passed over
  type      invoke; then ok (it took effect), fail (it never will), or info (nobody knows).
            An operation without any of these is as unknown as one with info
  f, value  what is asked; on ok, what was seen
  key       optional: which object it is about. Each key is checked alone
  time, index, error, node, ...   not looked at; the order of the lines counts

  --model register   read -> v or null; write v; cas [old, new]. Initially null
  --model kv         get -> \"text\", put \"text\", append \"text\", each with a key; an absent text is
                     \"\" or null
  --model bank       transfer {\"from\": a, \"to\": b, \"amount\": n}; read -> {\"a\": n, ...}. Some opening
                     balances must explain it; no account is overdrawn
  --model lock       acquire -> token or null; release token or null. One holder; tokens rise
  --model queue      enqueue v; dequeue -> v, or null when it is empty

A process must not ask again while an operation of its own is unknown, unless --reuse-processes is
given. crates/formats/README.md has the details. The default budget lasts about a minute at most; a
search that needs all of it for a queue may take some GiB of memory, a bank up to two.

Exit codes:
  0  the history is linearizable
  1  it is not
  2  usage or bad input
  4  unknown: the budget was not enough; or vacuous: there is no operation

With --format json, one object:
  history, model                  what was checked
  verdict, exit                   linearizable, not-linearizable, unknown or vacuous; the exit code
  operations, ok, fail, info, pending
                                  how many; of these how many ended in which way, or not at all
  processes, keys, nemesis_lines  how many
  steps, budget                   what the search took, and might have taken
  notes                           sentences about what is odd in the file
  undecided                       keys that the budget was not enough for; all others are linearizable
  violation                       null, or why no order explains the history:
    key                           the key that breaks (null: there are none)
    stuck                         the operation that fits nowhere
    instead                       what it would have been told, in words
    order                         the longest order that explains what came before: the lines of
                                  the invocations
    last, overlapping             the last operations of that order; others beside the stuck one
    longest                       whether it is proven that no order is longer
  An operation is {process, asked, told, called, returned}: in words, and the lines of the file;
  returned is null if the outcome is unknown.";

//! The chapter on handshakes in `docs/config.md`.

/// The chapter as Markdown.
pub(super) const CHAPTER: &str = "\
## Handshakes

A handshake is how a PLC says that something happened, and how it learns that it is recorded. What is written to the PLC is
written when the record is on the disk, the ack last. A PLC that waits for its ack loses nothing, whatever is switched off
meanwhile; one that does not wait loses what nobody read, and that is a gap.

| `pattern` | the PLC | we | waits |
|---|---|---|---|
| `counter` | counts `trigger` up | write the same number to `ack` | yes |
| `req-ack` | sets the bit `trigger`, takes it back when `ack` is set | set the bit `ack`, take it back | yes |
| `toggle` | turns the bit `trigger` over | make `ack` equal to it | yes |
| `state-word` | sets `trigger` to *request*, and to *idle* when it is answered | set `ack` to *busy*, to *done* or *error*, to *idle* | yes |
| `edge` | lets the bit `trigger` rise for a moment | write nothing | no |
| `ring` | writes a slot, then counts `ring.head` up | write the last number that is recorded to `ring.tail` | as long as it has room |
| `ua-result` | sends an event with each result (OPC 40001-101) | ask what it still has, get it, acknowledge it | as long as it keeps results |

**Numbers.** A bit does not say whether it is the same request again. With `number`, the PLC's own count, a request is recorded
once whatever is lost on the way, and what was skipped is a gap that says how many. `check` warns where there is none:
with `req-ack` and `state-word` a request whose ack was lost is recorded again; with `toggle` each loss of the connection is a
gap, since an even number of turns looks like none; with `edge` two pulses with the same words are one, and what was missed
cannot be counted. The PLC counts in the cycle in which it sets the bit: a count that is ahead of its pulse is taken for one that was missed.
On Modbus a pulse without a number has to stand for three looks, and its bit to rest for three before the next (`pedigree plan` says how often
the `fast` words are looked at): where two looks lie further apart than that, the time between them is a gap. A server of OPC UA is asked to tell of every change; one that looks at
its bits only now and then has to say so, or the PLC has to count.

**First contact.** `first` says what a number that is found at the very first contact is: `baseline`, it was dealt with before
(a PLC that waits is acknowledged, and nothing is recorded), or `process`, it is a request.

**State words.** `states = { idle = 0, request = 1, busy = 2, done = 4, error = 8 }` gives the values; without `busy` it is not told
that a request was seen. *Error* is whatever is not ok: refused, too late, or impossible to tell apart. Without `ack` the PLC and we take
turns in the trigger word; `check` warns, because a PLC that gives up meets our answer there.

**Release.** A PLC that keeps its request for longer than `release` after the ack might ask again without being seen: from the ack
on that is a gap, `unreleased`, until the request is taken back.

**Rings.** `ring = { head = \"Head\", tail = \"Tail\", slots = \"Ring[0..15]\", seq = \"Seq\" }`: the other words of the table are those of
one slot, `Ring[0].Serial` and so on. On Modbus `slots = \"0..7\"` with `stride = 20`, the registers from one slot to the next; the tags
are those of the first slot, and the others are called `name[1]`, `name[2]`. The PLC sets `seq` of the slot to 0, writes its data, then
the number of the entry into `seq`, then `head`. A slot is taken only if it bears the number that is looked for, before and after its data is read; its
place alone says nothing. One that does not is looked at once more; then it is a gap, `overrun`, that names the first lost number and how
many are lost, and the next entry is read. After a start it is looked whether the ring still holds what was recorded last:
a ring that was begun anew is read from its begin (name the `restart` word of the device: without it a ring that is
filled up to the same number between two looks is taken for the old one). Counts wrap in the width that the server says, and 0 is never the number of a first
entry; later it is taken only as long as the slot before it bears the highest number: after that it may say that the slot is written anew. Without `time` an entry has the source's time of its `seq`; on Modbus that at which it was read, with an
uncertainty back to when the ring was last seen with nothing unread in it. What cannot be known of something that was put there some time ago is refused: `arrive`, `check`, `reply`, an item
without a code, lots in feeders, purpose and evidence of the station.

**Late.** A request, or an entry of a ring, that is there when the device is observed again after more than its `stale_after` may have
happened while nobody looked: its event has the evidence `late`.

**Results.** `notifier = \"ResultManagement\"` is the object of an OPC UA server that tells of results by events; the words of the table
are fields of the result: `serial = \"ResultMetaData.PartId\"`, `from = \"ResultContent[0]\"`. `recover`, `fetch` and `ack` are methods of that
object by their names: the one that names the results which the machine still has (`GetResultIdListFiltered`), the one that gives one of them
(`GetResultById`), and the one that is told which are recorded (`AcknowledgeResults`). What a method wants is read from the server; it may want
what OPC 40001-101 has, and nothing else. With `fetch` an event needs no more than the name of the result; without it the event has all.
`time` is required: a result may be told long after it was made. After every connect, and when events were lost, the machine is asked what it has; all of
that is got, recorded in the order in which it was made, and acknowledged when it is on the disk. Without `recover` what is told while nobody
listens is a gap. The server must have `notifier` and its methods: as long as it does not, the device is not observed.
Where one object tells of the results of several stations, each has a handshake with the same `notifier`, `trigger`, `recover`, `fetch` and `ack`, and says by
one field which are its own: `only = \"ResultMetaData.JobId = LEFT\"`, or `in LEFT, LEFT2` (a text of digits in quotes: `'12'`); one without `only` takes those that no other means. The
machine is asked once for all of them, and each result is recorded by one handshake. One that no handshake means, or that does not have the field, is
set aside at the first of the stations and acknowledged; what is missing is a gap of all, since nobody knows whose it was.
A result is known by its name and its words. The same once more is only acknowledged again; other words under the same name are a
conflict, set aside with all its words; after a restart of the machine (`restart`, or its server's start time) a name may come again with other words, and is
another result. What the machine lists is got and compared, recorded or not. The last 8192 names are
remembered for each handshake: a result with another name that is not younger than what is forgotten is set aside (`forgotten`), since it may be
recorded already; let the machine drop what is acknowledged, or keep no more than 4096, which are as many as it is asked for at once. What it names and does not
give is a gap, `not-given`. Lots in the feeders of the station are those of the time at which the result was made: a result waits for `settle` until
they have been told. One that is told of only after a later one, with a reel changed between them, is set aside. As with rings, `arrive`, `check`,
`reply`, an item without a code, purpose and evidence of the station are refused. `pedigree drill` does not play it; `pedigree test` does: a result is
told when its name (`ResultManagement.ResultMetaData.ResultId`) changes, and written when it is acknowledged.

**Events of other types.** `event_type = \"PartFinishedEventType\"` beside `notifier` names the type of the events by its browse name: those of that type and of
its subtypes are taken, and the words of the table are their fields, their own and those that they inherit (`serial = \"SerialNumber\"`, `time = \"Time\"`), with
parts of structures as above. An event has all that there is, and is told once: there are no methods, what is told while nobody listens is a gap, and
`trigger` is `EventId` unless another field names each event. Without `time` it is the event's own. `only` shares an object among stations as with results. A server without such a type, or a
type without such a field, is not observed; the log names it.

**Data.** Everything that an event uses is read after the trigger, in one request. `settle` waits before that; `stable` reads twice until
both are equal; `guard = [\"SeqBegin\", \"SeqEnd\"]` are two words that the PLC sets to the same number, the first before it writes the data
and the second after it.

**Deadline.** It runs from the source's time of the trigger where the clock of the server goes with ours (within a second), else from
when the trigger was told.

";

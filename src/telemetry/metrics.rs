//! Every metric, once: name, help and labels. `docs/metrics.md` is generated from [`TABLE`].
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Upper bounds of the latency histograms, in seconds.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

macro_rules! metrics {
    ($($field:ident: $kind:ident($name:literal, $help:literal, [$($label:literal),*]);)*) => {
        /// All metrics. Labels are bounded by the plant: a serial or a lot is never one.
        #[derive(Debug, Clone)]
        pub struct Metrics {
            registry: Registry,
            $(#[doc = $help] pub $field: $kind,)*
        }

        /// Name, type, labels and help of every metric.
        pub const TABLE: &[(&str, &str, &[&str], &str)] =
            &[$(($name, kind_name!($kind), &[$($label),*], $help),)*];

        impl Metrics {
            /// A registry of its own with every metric in it.
            ///
            /// # Panics
            /// If two rows of the table have one name: an error of ours, seen by every test.
            pub fn new() -> Self {
                let registry = Registry::new();
                $(
                    let $field = make!($kind, $name, $help, &[$($label),*]);
                    registry.register(Box::new($field.clone())).expect("names are unique");
                )*
                Self { registry, $($field,)* }
            }
        }
    };
}

macro_rules! kind_name {
    (IntCounterVec) => {
        "counter"
    };
    (IntGaugeVec) => {
        "gauge"
    };
    (GaugeVec) => {
        "gauge"
    };
    (HistogramVec) => {
        "histogram"
    };
}

macro_rules! make {
    (HistogramVec, $name:literal, $help:literal, $labels:expr) => {
        HistogramVec::new(HistogramOpts::new($name, $help).buckets(SECONDS.to_vec()), $labels)
            .expect("the table has good names")
    };
    ($kind:ident, $name:literal, $help:literal, $labels:expr) => {
        $kind::new(Opts::new($name, $help), $labels).expect("the table has good names")
    };
}

metrics! {
    build_info: IntGaugeVec("pedigree_build_info", "Always 1; the version that runs.", ["version"]);
    device_up: IntGaugeVec("pedigree_device_up", "Whether the device is observed (state Live).", ["device", "protocol"]);
    device_connect_attempts: IntCounterVec("pedigree_device_connect_attempts_total", "Attempts to connect to the device.", ["device", "result"]);
    device_errors: IntCounterVec("pedigree_device_errors_total", "Faults of the device by class.", ["device", "class"]);
    device_request_seconds: HistogramVec("pedigree_device_request_duration_seconds", "Time from a request to its answer.", ["device", "op"]);
    device_insecure: IntGaugeVec("pedigree_device_insecure", "Whether the device is spoken to without encryption, or may be under a withdrawn policy.", ["device"]);
    samples: IntCounterVec("pedigree_samples_total", "Samples received.", ["device", "quality"]);
    samples_dropped: IntCounterVec("pedigree_samples_dropped_total", "Samples lost before the engine, each told as a gap.", ["device", "reason"]);
    overflows: IntCounterVec("pedigree_subscription_overflows_total", "Values that a server dropped from a full queue.", ["device"]);
    republished: IntCounterVec("pedigree_subscription_holes_mended_total", "Holes in a subscription's sequence that the server filled when asked again.", ["device"]);
    history: IntCounterVec("pedigree_history_values_total", "Values of monitors that a server had kept while it was not observed.", ["device"]);
    gaps: IntCounterVec("pedigree_gaps_total", "Gaps recorded.", ["cause"]);
    events: IntCounterVec("pedigree_events_total", "Trace events recorded.", ["kind", "station"]);
    quarantined: IntCounterVec("pedigree_events_quarantined_total", "Requests set aside with their raw values.", ["station"]);
    went_past: IntCounterVec("pedigree_refused_and_completed_total", "Items that a station had refused and completed all the same, without an override.", ["station"]);
    handshake_points: IntCounterVec("pedigree_handshake_points_total", "Points of a handshake passed.", ["point"]);
    handshake_seconds: HistogramVec("pedigree_handshake_seconds", "Time of a handshake by stage: read, sync, write, total.", ["stage"]);
    condition_verdict: IntGaugeVec("pedigree_condition_verdict", "0 in control, 1 warning, 2 drift, 3 no data.", ["station", "monitor"]);
    condition_drifts: IntCounterVec("pedigree_condition_drifts_total", "Changes of a monitor to drift.", ["station", "monitor"]);
    alarm_activations: IntCounterVec("pedigree_alarm_activations_total", "Alarms that were told: came, or came again; not those that are shelved, suppressed or out of service.", ["rule", "station"]);
    alarms_active: IntGaugeVec("pedigree_alarms_active", "Active alarms that are told; not those that are shelved, suppressed or out of service.", []);
    alarms_unacknowledged: IntGaugeVec("pedigree_alarms_unacknowledged", "Alarms that nobody has acknowledged, active or not.", []);
    alarms_shelved: IntGaugeVec("pedigree_alarms_shelved", "Alarms that are shelved.", []);
    alarms_stale: IntGaugeVec("pedigree_alarms_stale", "Alarms that are told and active for more than a day.", []);
    alarm_chattering: IntGaugeVec("pedigree_alarm_chattering", "Alarms that came three times within a minute at some time in the last hour.", []);
    alarm_flood: IntGaugeVec("pedigree_alarm_flood_active", "1 from more than 10 alarms in ten minutes on, until there are fewer than 5.", []);
    ledger_position: IntGaugeVec("pedigree_ledger_position", "The last durable record.", []);
    ledger_bytes: IntGaugeVec("pedigree_ledger_bytes", "Bytes in all segments.", []);
    ledger_failed_syncs: IntCounterVec("pedigree_ledger_failed_syncs_total", "Syncs that failed; nothing after them was acknowledged.", []);
    ledger_sync_seconds: HistogramVec("pedigree_ledger_sync_duration_seconds", "Duration of fdatasync on the ledger.", []);
    checkpoint_position: IntGaugeVec("pedigree_checkpoint_position", "The last record under a signed checkpoint.", []);
    checkpoint_failures: IntCounterVec("pedigree_checkpoint_failures_total", "Checkpoints that could not be written to their file.", []);
    ledger_contradiction: IntGaugeVec("pedigree_ledger_contradiction", "1 if the ledger is not the one that was signed: it was cut back or rewritten.", []);
    scrub_bytes: IntCounterVec("pedigree_ledger_scrubbed_bytes_total", "Bytes of sealed segments that were read again and are as they were written.", []);
    scrub_passes: IntCounterVec("pedigree_ledger_scrub_passes_total", "Times that all sealed segments were read again.", []);
    scrub_damaged: IntGaugeVec("pedigree_ledger_damaged_segments", "Sealed segments that are not as they were written.", []);
    image_position: IntGaugeVec("pedigree_image_position", "The last record in an image of the engine's state or of the read side: a start folds those after it.", ["of"]);
    store_position: IntGaugeVec("pedigree_store_position", "The last record that questions are answered from.", []);
    store_rebuilds: IntCounterVec("pedigree_store_rebuilds_total", "Times that the index was rebuilt from the ledger.", []);
    queue_depth: IntGaugeVec("pedigree_queue_depth", "What waits in a queue.", ["queue"]);
    queue_capacity: IntGaugeVec("pedigree_queue_capacity", "What a queue can hold.", ["queue"]);
    query_seconds: HistogramVec("pedigree_query_duration_seconds", "Time to answer a question.", ["query"]);
    recall_seconds: GaugeVec("pedigree_recall_seconds", "How long the last drill of a recall by the schedule took.", ["direction"]);
    recall_complete: IntGaugeVec("pedigree_recall_complete", "Whether nothing is known to be missing in the answer of that drill.", ["direction"]);
    recall_accounted: GaugeVec("pedigree_recall_accounted_ratio", "Share of what came of the lot of the last drill forward that is accounted for; absent if it is not known.", []);
    recall_last: IntGaugeVec("pedigree_recall_last_timestamp_seconds", "When the last drill of a recall by the schedule was answered, in seconds since 1970.", ["direction"]);
    coverage: GaugeVec("pedigree_traceability_coverage_ratio", "Share of what was finished in the seven days before the last drill of which all demanded steps are on record; absent if nothing was.", []);
    http_requests: IntCounterVec("pedigree_http_requests_total", "HTTP requests answered.", ["route", "code"]);
    opcua_sessions: IntGaugeVec("pedigree_opcua_sessions", "Sessions of OPC UA clients.", []);
    opcua_rejected: IntCounterVec("pedigree_opcua_rejected_certificates_total", "Client certificates that were not trusted.", []);
    opcua_refused: IntCounterVec("pedigree_opcua_refused_connections_total", "Connections of OPC UA clients that were refused or ended, by reason.", ["reason"]);
}

/// Shows a figure of a gauge without labels; one that is not known is absent.
pub fn show(gauge: &GaugeVec, figure: Option<f64>) {
    match figure {
        Some(figure) => gauge.with_label_values::<&str>(&[]).set(figure),
        None => gauge.reset(),
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// The Prometheus text format of everything, process metrics of this process included.
    pub fn text(&self) -> String {
        let mut families = self.registry.gather();
        let process = Registry::new();
        let own = prometheus::process_collector::ProcessCollector::for_self();
        if process.register(Box::new(own)).is_ok() {
            families.extend(process.gather());
        }
        let mut out = Vec::new();
        match TextEncoder::new().encode(&families, &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).into_owned(),
            Err(why) => format!("# the metrics could not be written: {why}\n"),
        }
    }
}

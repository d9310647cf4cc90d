//! The demo's plant files are there to be learned from: the check has nothing to say about them.
use pedigree::config::plant;
use pedigree::demo::{Demo, DemoOptions};
use pedigree::model::{At, SiteId};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demos_plant_files_pass_the_check_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let options = DemoOptions::new(1, Arc::new(At::default));
    let (demo, _plant) = Demo::start(options, dir.path()).await.unwrap();
    let site = SiteId::parse("demo").unwrap();
    let checked = plant::load(&demo.plant_files, &site)
        .unwrap_or_else(|faults| panic!("{}", faults.render(miette::GraphicalTheme::none())));
    assert!(checked.warnings.is_empty(), "{:#?}", checked.warnings);
    let stations: Vec<_> = checked.plant.stations.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(stations, ["CAST10", "PRESS20", "ASM30", "TEST40", "PACK50"]);
    for (plc, device) in demo.plcs.iter().zip(&checked.plant.devices) {
        assert_eq!((plc.name, plc.url.as_str()), (device.id.as_str(), device.protocol.url()));
    }
}

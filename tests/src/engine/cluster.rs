//! The engine over gRPC workers.

use std::sync::{Arc, LazyLock};

use arachne_engine::query::EngineSettings;
use arachne_engine::storage::ObjectStores;

use super::{Engine, Width, service_with};
use crate::cluster::ClusterProcesses;
use crate::sandbox::{LAKE, Sandbox};
use crate::tpch::{Dataset, Form};

impl Engine {
    /// Workers that are processes of their own, shared by all engines over this sandbox. Tables in [`LAKE`], or in local files.
    pub fn cluster(sandbox: &Sandbox, width: Width) -> Self {
        Self::cluster_of(sandbox, ClusterProcesses::of(sandbox).urls(), width)
    }

    /// The workers at these addresses.
    pub fn cluster_of(sandbox: &Sandbox, workers: Vec<String>, width: Width) -> Self {
        let settings = EngineSettings { cluster_workers: workers, ..EngineSettings::default() };
        let stores = Arc::new(ObjectStores::new(Default::default()));
        let service = service_with(&stores, None, settings, super::FIXED_CLOCK);
        let engine = Self { service, database: None, settings: Vec::new(), stores: vec![stores] };
        engine.distributed(width).with_setting("arachne.compute", "cluster").with_bucket(sandbox, LAKE)
    }

    /// TPC-H in the sandbox's S3, over gRPC workers, shared by all tests of the process.
    pub fn tpch_over_cluster(width: Width) -> Self {
        static SHARED: LazyLock<Engine> = LazyLock::new(|| {
            let sandbox = Sandbox::shared();
            let engine = Engine::cluster(sandbox, Width { tasks: 1, partitions: 1 });
            for form in Form::ALL {
                let url = sandbox.upload_tpch(Dataset::shared(), form).expect("TPC-H goes up");
                engine.create_tpch_tables(form, &url);
            }
            engine
        });
        SHARED.clone().distributed(width).with_setting("arachne.compute", "cluster")
    }
}

//! One of the replicas, as an operator starts and stops it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::support::{Folder, Gateway, Program, World, free_address};

/// Every replica's configuration; its drain is the one in `deploy/rollcall.toml`.
const CONFIGURATION: &str = r#"
sources.advanced_automation.client_secret = "secret"
sources.my_reports.token = "token"
sources.advanced_automation.timeout = "20s"
sources.my_reports.timeout = "20s"
cache.stale_while_revalidate = "0s"
telemetry.access_log = "off"
"#;

/// A replica that can be restarted at the same address.
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    file: PathBuf,
    /// How long it uses a copy: `cache.fresh`.
    fresh: &'static str,
    program: Program,
    _folder: Folder,
}

impl Replica {
    pub(super) async fn start(world: &World, fresh: &'static str) -> Self {
        let (address, folder) = (free_address(), Folder::new());
        let file = folder.write("rollcall.toml", &world.toml(CONFIGURATION));
        let program = Self::run(&file, address, fresh).await;
        Self { address, file, fresh, program, _folder: folder }
    }

    async fn run(file: &Path, address: SocketAddr, fresh: &str) -> Program {
        let listen = address.to_string();
        let variables = [("ROLLCALL__SERVER__LISTEN", &*listen), ("ROLLCALL__SERVER__DRAIN", "5s"), ("ROLLCALL__CACHE__FRESH", fresh)];
        Program::serve(file, &variables).await.0
    }

    /// A caller that reaches it directly, not through the balancer.
    pub(super) fn gateway(&self) -> Gateway {
        Gateway::at(format!("http://{}", self.address))
    }

    /// Stops it as an operator does, starts it again, and waits for nothing else.
    pub(super) async fn restart(mut self) -> Self {
        self.program.signal("TERM");
        let ended = self.program.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        self.program = Self::run(&self.file, self.address, self.fresh).await;
        assert_eq!(self.gateway().get("/health/ready").await.status, 200);
        self
    }
}

/// Two replicas that use a copy for this long.
pub(super) async fn two(world: &World, fresh: &'static str) -> [Replica; 2] {
    [Replica::start(world, fresh).await, Replica::start(world, fresh).await]
}

/// Their addresses.
pub(super) fn addresses(replicas: &[Replica]) -> Vec<SocketAddr> {
    replicas.iter().map(|replica| replica.address).collect()
}

//! docs/shards.md's scripts under a real Slurm: one node, a controller and a daemon of the test's own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::readme::blocks;
use super::shards::fleet;
use super::tree::{assert_same, contents, skip};

const NAME: &str = "shards_run_as_the_tasks_of_a_slurm_array";

/// A cluster of this machine alone; it ends with the test.
struct Cluster {
    place: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            if let Ok(pid) = i32::try_from(daemon.id())
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            let _ = daemon.wait();
        }
    }
}

impl Cluster {
    /// A command that talks to this cluster, found also where only root's PATH leads, with provc in its PATH.
    fn command(&self, name: &str) -> Command {
        let provc = Path::new(env!("CARGO_BIN_EXE_provc")).parent().unwrap().display();
        let mut command = Command::new(name);
        let path = option_env!("PATH").unwrap_or("/usr/bin:/bin");
        command.env_clear().env("PATH", format!("{provc}:{path}:/usr/sbin:/sbin"));
        command.env("SLURM_CONF", self.place.path().join("slurm.conf")).stdin(Stdio::null());
        command
    }

    fn output(&self, name: &str, args: &[&str]) -> String {
        let output = self.command(name).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts it, or says why that cannot be done on this machine.
    fn start() -> Result<Self, String> {
        let mut cluster = Self { place: tempfile::tempdir().unwrap(), daemons: Vec::new() };
        for program in ["slurmctld", "slurmd", "sbatch", "squeue", "sinfo"] {
            // Not asked for its version: without a configuration some of them wait a minute for one.
            if cluster.output("sh", &["-c", "command -v \"$0\"", program]).is_empty() {
                return Err(format!("{program} is not installed (Debian: slurm-wlm)"));
            }
        }
        let place = cluster.place.path();
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let name = name.trim().split('.').next().unwrap().to_owned();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let ports = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [controller, daemon] = ports.map(|port| port.local_addr().unwrap().port());
        let (shown, user) = (place.display(), user.trim());
        let configuration = format!(
            "ClusterName=test\nSlurmctldHost={name}(127.0.0.1)\nSlurmctldPort={controller}\nSlurmdPort={daemon}\n\
             SlurmUser={user}\nSlurmdUser={user}\nAuthType=auth/none\nCredType=cred/none\n\
             ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nStateSaveLocation={shown}/state\n\
             SlurmdSpoolDir={shown}/spool\nSlurmctldPidFile={shown}/controller.pid\n\
             SlurmdPidFile={shown}/daemon.pid\nSlurmctldLogFile={shown}/controller.log\n\
             SlurmdLogFile={shown}/daemon.log\nSchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0\n\
             NodeName={name} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN\n\
             PartitionName=main Nodes={name} Default=YES State=UP OverSubscribe=FORCE:4\n"
        );
        fs::write(place.join("slurm.conf"), configuration).unwrap();
        fs::write(place.join("cgroup.conf"), "CgroupPlugin=cgroup/v1\n").unwrap();
        ["state", "spool"].iter().for_each(|name| fs::create_dir(place.join(name)).unwrap());
        for (program, args) in [("slurmctld", vec!["-D"]), ("slurmd", vec!["-D", "-N", &name])] {
            let mut command = cluster.command(program);
            let started = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            cluster.daemons.push(started.unwrap());
        }
        // Without rights to cgroups or without a name for its own host a daemon ends, or never reports.
        for _ in 0..150 {
            if cluster.output("sinfo", &["-h", "-o", "%t"]).trim() == "idle" {
                return Ok(cluster);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = |name: &str| {
            let log = fs::read_to_string(cluster.place.path().join(name)).unwrap_or_default();
            log.lines()
                .filter(|line| line.contains("error") || line.contains("fatal"))
                .collect::<Vec<_>>()
                .join("; ")
        };
        Err(format!("Slurm does not start here: {} {}", log("controller.log"), log("daemon.log")))
    }

    /// Runs a script in a directory and waits until no job is left.
    fn run(&self, directory: &Path, script: &str) -> Output {
        let output = self.command("sh").args(["-ec", script]).current_dir(directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for _ in 0..600 {
            if self.output("squeue", &["-h"]).trim().is_empty() {
                return output;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the jobs do not end: {}", self.output("squeue", &[]));
    }
}

#[test]
fn shards_run_as_the_tasks_of_a_slurm_array() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/shards.md")).unwrap();
    let blocks = blocks(&page, "sh");
    let job = blocks.iter().find(|block| block.contains("#SBATCH")).unwrap();
    let submit = blocks.iter().find(|block| block.contains("--dependency")).unwrap();
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => return skip(NAME, &why),
    };
    let repository = fleet();
    repository.provc(&["build", "--out", "whole"]).expect(0);
    repository.write("shard.sh", job);
    cluster.run(repository.path(), submit);
    let logs: String = (1..=4).map(|task| repository.read(&format!("provc-{task}.log"))).collect();
    let merged = repository.read("provc-merge.log");
    assert!(merged.contains("34 devices") && merged.contains("4 shards were merged"), "{logs}{merged}");
    let [whole, out] = ["whole", "out"].map(|name| contents(&repository.path().join(name)));
    assert_same(&whole, &out);

    // One task alone, as when it is submitted again.
    let place: PathBuf = repository.path().join(".out.provc/shard-3-of-4/part");
    fs::remove_file(&place).unwrap();
    repository.provc(&["merge"]).expect(1);
    cluster.run(repository.path(), "sbatch --array=3 shard.sh");
    repository.provc(&["merge", "--shards", "4"]).expect(0);
    assert_same(&whole, &contents(&repository.path().join("out")));
}

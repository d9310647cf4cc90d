//! A disk of its own for what a daemon keeps: ext4 in a file, mounted where nobody else sees it. It can be
//! full, fail, and lose its power.
//!
//! A mount namespace without a name, held by a process that waits for this one: the mount ends with the test,
//! however it ends.
use super::peer::python;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// How large it is for whoever wants it small enough to be filled.
pub(crate) const BYTES: u64 = 96 << 20;
const TOOLS: [&str; 4] = ["mkfs.ext4", "unshare", "nsenter", "mount"];
/// What takes all room there is.
const BALLAST: &str = "ballast";
/// Freezes it, says so, and thaws it when nobody wants it frozen any more: also when the test is killed, since what
/// waits for a frozen disk cannot be.
const FREEZE: &str =
    "fsfreeze --freeze \"$1\" && echo frozen && timeout 900 cat; fsfreeze --unfreeze \"$1\"";
/// `EXT4_IOC_SHUTDOWN`: from this call on nothing that is written reaches the disk. A power cut takes the processor
/// with it, so whoever writes is stopped first: a sync that is under way at the call now and then says Ok of what is
/// lost (one in some seventy calls beside a loop that only writes and syncs), and nobody may live to tell it.
const CUT: &str = "import fcntl, os, signal, struct, sys\n\
    disk = os.open(sys.argv[1], os.O_RDONLY)\n\
    os.kill(int(sys.argv[3]), signal.SIGSTOP)\n\
    fcntl.ioctl(disk, 0x8004587D, struct.pack('I', int(sys.argv[2])))";

/// The disk.
pub(crate) struct Disk {
    space: Child,
    image: PathBuf,
    at: PathBuf,
}

/// A disk that takes nothing: whoever writes to it waits, until this is dropped.
pub(crate) struct Frozen {
    holder: Child,
    wanted: Option<ChildStdin>,
}

/// How its power is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// What was not synced is lost, and what the journal has not put down yet.
    Hard = 2,
    /// The journal is put down first: names are there, what is in the files may not be.
    AfterJournal = 1,
    /// As when somebody has it written out a moment before.
    AfterAll = 0,
}

impl Disk {
    /// An empty one of so many bytes in a file `image`, mounted at the folder `at`. Where there can be none it says why: a container
    /// has the tools, but often no right to mount. Where `CI` is set the tools have to be there.
    pub(crate) fn start(image: &Path, at: &Path, bytes: u64) -> Option<Self> {
        let lacks = |tool: &&&str| Command::new(tool).arg("--version").output().is_err();
        let missing: Vec<_> = TOOLS.iter().filter(lacks).collect();
        assert!(
            missing.is_empty() || std::env::var_os("CI").is_none(),
            "{missing:?}: `make peers` installs them"
        );
        match Self::try_start(image, at, bytes) {
            Ok(disk) => Some(disk),
            Err(why) => {
                println!(
                    "skipped: {why}; a disk of its own needs root (CAP_SYS_ADMIN), /dev/loop-control, and \
                     `make peers` for its tools"
                );
                None
            }
        }
    }

    fn try_start(image: &Path, at: &Path, bytes: u64) -> Result<Self, String> {
        File::create(image).and_then(|file| file.set_len(bytes)).map_err(|why| why.to_string())?;
        ran(Command::new("mkfs.ext4").args(["-q", "-F", "-b", "4096", "-m", "0"]).arg(image))?;
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "--", "sh", "-c", "echo up && exec cat"]);
        let child = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let space = child.map_err(|why| format!("unshare: {why}"))?;
        let mut disk = Self { space, image: image.to_owned(), at: at.to_owned() };
        let mut said = String::new();
        let told = BufReader::new(disk.space.stdout.take().unwrap()).read_line(&mut said);
        if told.is_err() || said.trim() != "up" {
            return Err("`unshare --mount` did not come up".to_owned());
        }
        disk.mount("rw")?;
        Ok(disk)
    }

    /// The command, to be started where the disk is.
    pub(crate) fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.space.id().to_string(), "--mount", "--"]);
        inside.arg(command.get_program()).args(command.get_args());
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    /// What is on it, as it is seen from here.
    pub(crate) fn path(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.space.id()));
        root.join(self.at.strip_prefix("/").unwrap())
    }

    fn run(&self, command: &mut Command) -> Result<String, String> {
        ran(&mut self.inside(command))
    }

    /// Mounts it, `rw` or `ro`; a journal is played first.
    pub(crate) fn mount(&self, how: &str) -> Result<String, String> {
        let options = format!("loop,errors=remount-ro,{how}");
        self.run(Command::new("mount").args(["-o", &options]).arg(&self.image).arg(&self.at))
    }

    /// Makes of it one that can be read only, as `mount` does.
    pub(crate) fn remount_read_only(&self) -> Result<String, String> {
        self.run(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.at))
    }

    /// Unmounts it; somebody may still have it.
    pub(crate) fn unmount(&self) -> Result<String, String> {
        self.run(Command::new("umount").arg(&self.at))
    }

    /// What `fsck.ext4` finds on one that is not mounted.
    pub(crate) fn check(&self, how: &[&str]) -> (Option<i32>, String) {
        let told = Command::new("fsck.ext4").args(how).arg(&self.image).output().unwrap();
        (told.status.code(), String::from_utf8_lossy(&told.stdout).into_owned())
    }

    /// Takes all room that there is.
    pub(crate) fn fill(&self) {
        let path = self.path().join(BALLAST);
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        for len in [1 << 20, 1 << 12] {
            let bytes = vec![0; len];
            let why = loop {
                match file.write_all(&bytes).and_then(|()| file.sync_data()) {
                    Ok(()) => {}
                    Err(why) => break why,
                }
            };
            assert_eq!(why.kind(), ErrorKind::StorageFull, "{why}");
        }
    }

    /// Gives the room back.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.path().join(BALLAST)).unwrap();
    }

    /// From now on whoever writes waits, as for a snapshot of the machine or a disk that does not keep up at all.
    pub(crate) fn freeze(&self) -> Frozen {
        let mut freeze = Command::new("sh");
        freeze.args(["-c", FREEZE, "sh"]).arg(&self.at);
        let mut freeze = self.inside(&freeze);
        let mut holder = freeze.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let wanted = holder.stdin.take();
        let mut said = String::new();
        let told = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said);
        let frozen = Frozen { holder, wanted };
        assert!(told.is_ok() && said.trim() == "frozen", "the disk was not frozen: {said:?}");
        frozen
    }

    /// The file system finds an error in itself, and lets nobody write any more.
    pub(crate) fn fail(&self) {
        let find = ["--noheadings", "--output", "SOURCE"];
        let device = self.run(Command::new("findmnt").args(find).arg(&self.at)).unwrap();
        let name = device.trim().rsplit('/').next().unwrap();
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "a test").unwrap();
    }

    /// Cuts its power, and that of the process which writes to it.
    pub(crate) fn cut(&self, peers: &Path, how: Cut, writer: u64) {
        let mut cut = python(peers);
        cut.args(["-c", CUT]).arg(self.path()).args([(how as u64).to_string(), writer.to_string()]);
        ran(&mut cut).unwrap();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        drop(self.wanted.take());
        drop(self.holder.wait());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.space.kill());
        drop(self.space.wait());
    }
}

/// What it printed, or why it could not do it.
fn ran(command: &mut Command) -> Result<String, String> {
    let out = command.output();
    let failed = |why: &dyn Display| format!("{command:?}: {why}");
    let out = out.map_err(|why| failed(&why))?;
    if out.status.success() {
        String::from_utf8(out.stdout).map_err(|why| failed(&why))
    } else {
        Err(failed(&String::from_utf8_lossy(&out.stderr).trim()))
    }
}

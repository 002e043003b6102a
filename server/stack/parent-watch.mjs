// Loaded into a child process before its program (`node --import`): when the parent is gone, however it ended, so is the
// child. The parent holds the other end of an IPC channel; the channel itself keeps nothing alive. A child's own children
// load this too, but their channel is their program's: only the one whose parent is named watches.
if (process.channel && process.env.WATCHED_PARENT === String(process.ppid)) {
  process.on('disconnect', () => process.exit(0));
  process.channel.unref();
}

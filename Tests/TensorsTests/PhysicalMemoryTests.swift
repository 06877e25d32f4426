import Testing

@testable import Tensors

struct PhysicalMemoryTests {
    @Test func theSmallestLimitOfTheGroupsAboveCounts() {
        let files = [
            "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "1000000\n", "/sys/fs/cgroup/memory.max": "3000000\n",
        ]
        #expect(PhysicalMemory.smallestLimit(groups: "0::/a/b\n") { files[$0] } == 1_000_000)
        #expect(PhysicalMemory.smallestLimit(groups: "0::/\n") { files[$0] } == 3_000_000)
        #expect(PhysicalMemory.smallestLimit(groups: "0::/\n") { _ in nil } == nil)
        #expect(PhysicalMemory.smallestLimit(groups: "no group\n") { files[$0] } == nil)
    }

    @Test func theFirstVersionOfControlGroupsIsReadToo() {
        let files = [
            "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4096000\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        ]
        #expect(PhysicalMemory.smallestLimit(groups: "5:cpu,memory:/job\n4:pids:/job\n") { files[$0] } == 4_096_000)
    }

    @Test func othersInTheGroupLeaveLess() {
        let files = [
            "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "160000000\n",
            "/sys/fs/cgroup/a/memory.stat": "anon 40000000\nfile 90000000\n",
        ]
        // 160 MB less a sixteenth for what is not counted, less the 40 - 15 MB of other processes.
        #expect(PhysicalMemory.allowance(groups: "0::/a/b\n", own: 15_000_000) { files[$0] } == 125_000_000)
        #expect(PhysicalMemory.allowance(groups: "0::/\n", own: 15_000_000) { files[$0] } == nil)
    }

    @Test func theTightestOfSeveralLimitsIsTheAllowance() {
        let files = [
            "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "64000000\n",
            "/sys/fs/cgroup/memory/job/memory.stat": "cache 10\nrss 5\ntotal_cache 10\ntotal_rss 1000000\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "160000000\n",
            "/sys/fs/cgroup/memory/memory.stat": "total_rss 110000000\n",
        ]
        #expect(PhysicalMemory.allowance(groups: "5:memory:/job\n", own: 1_000_000) { files[$0] } == 41_000_000)
        let unlimited = ["/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"]
        #expect(PhysicalMemory.allowance(groups: "5:memory:/\n", own: 0) { unlimited[$0] } == nil)
    }
}

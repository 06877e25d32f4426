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
}

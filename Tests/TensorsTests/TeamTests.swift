import Glibc
import Synchronization
import Testing

@testable import Tensors

struct TeamTests {
    @Test(arguments: [1, 2, 5])
    func every_index_is_done_once_and_a_lane_by_one_at_a_time(size: Int) {
        let team = Team(size: size)
        // Without a lock, so that the thread sanitizer sees who shares an index.
        nonisolated(unsafe) let done = UnsafeMutableBufferPointer<Int>.allocate(capacity: 1000)
        nonisolated(unsafe) let busy = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: size)
        defer {
            done.deallocate()
            busy.deallocate()
        }
        done.initialize(repeating: 0)
        for lane in 0..<size { (busy + lane).initialize(to: Atomic(false)) }
        team.forEachInLanes(1000) { index, lane in
            guard lane >= 0, lane < size else {
                Issue.record("lane \(lane) of \(size)")
                return
            }
            let wasBusy = busy[lane].exchange(true, ordering: .acquiring)
            #expect(!wasBusy)
            done[index] += 1
            busy[lane].store(false, ordering: .releasing)
        }
        #expect(done.allSatisfy { $0 == 1 })
        team.forEachInLanes(0) { _, _ in Issue.record("nothing to do") }
    }

    @Test(arguments: [2, 3, 9])
    func portions_follow_each_other_closely_and_after_a_sleep(size: Int) {
        let team = Team(size: size)
        // Only a portion's own workers may see its numbers.
        nonisolated(unsafe) let numbers = UnsafeMutableBufferPointer<Int>.allocate(capacity: 64)
        defer { numbers.deallocate() }
        numbers.initialize(repeating: 0)
        for portion in 1...2000 {
            let count = 2 + portion % 63
            if portion % 500 == 0 { usleep(2000) }
            team.forEach(count) { numbers[$0] += portion }
            #expect(numbers[..<count].reduce(0, +) == count * portion)
            for index in 0..<count { numbers[index] = 0 }
        }
    }

    @Test func workFromAPieceOfWorkTraps() async {
        await #expect(processExitsWith: .failure) {
            let team = Team(size: 2)
            team.forEach(2) { _ in team.forEach(2) { _ in } }
        }
    }
}

import Testing

@testable import ModinspectCommands

@Suite struct OptionsTests {
    @Test(arguments: [
        ("4", ClusterCounts.counts([4])), ("auto", .auto), ("2-5", .counts([2, 3, 4, 5])), ("2,8,2-3", .counts([2, 8, 3])),
        ("1", .counts([1])),
    ])
    func clusterCountsAreNumbersRangesAndLists(text: String, expected: ClusterCounts) {
        #expect(ClusterCounts(argument: text) == expected)
    }

    @Test(arguments: ["", "0", "-1", "4-2", "2-", "-", "2--3", "1-2-3", "a", "2,", "4097", "99999999999999999999", "+4", " 4"])
    func otherClusterCountsAreRefused(text: String) { #expect(ClusterCounts(argument: text) == nil) }

    @Test func aCommaInBracketsDoesNotSeparate() {
        #expect(GlobList.split("a,b[1,2],c") == ["a", "b[1,2]", "c"])
    }

    @Test(arguments: [(0.1, 30, 3), (0.07, 100, 7), (0.25, 4, 1), (0.26, 4, 2), (1.0, 5, 5), (1e-9, 5, 1), (0.5, 0, 0), (1.0 / 3, 3, 1)])
    func aShareIsRoundedUpButNotByRoundingErrors(share: Double, count: Int, expected: Int) {
        #expect(EdgeRule.edgeCount(share: share, of: count) == expected)
    }

    @Test func valuesOfLargeCheckpointsAreCheckedOnRequest() {
        #expect(ValueCheck.isDone(isRequested: false, bytes: 1 << 28))
        #expect(!ValueCheck.isDone(isRequested: false, bytes: 1 << 28 + 1))
        #expect(ValueCheck.isDone(isRequested: true, bytes: 1 << 40))
    }
}

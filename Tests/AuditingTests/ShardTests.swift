import Testing

@testable import Auditing

@Suite struct ShardTests {
    @Test(arguments: ["1/1", "3/5", "1000000/1000000"]) func aShardIsOneOfSeveral(text: String) throws {
        #expect(try #require(Shard(text)).description == text)
    }

    @Test(arguments: ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/3", "1/", "/3", "a/3", "1/1000001", " 1/3", "1/99999999999999999999"])
    func anythingElseIsRefused(text: String) { #expect(Shard(text) == nil) }

    /// FNV-1a of "a", a published value (af63dc4c8601ec8c), with SplitMix64's last step.
    @Test func partsAreThoseOfThePublishedFunctions() throws {
        var hash: UInt64 = 0xAF63_DC4C_8601_EC8C
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        hash ^= hash >> 31
        for count in [2, 3, 7, 1000] {
            #expect(try #require(Shard("\(hash % UInt64(count) + 1)/\(count)")).contains("a"))
        }
    }

    @Test func everyNameIsInOneShardAndShardsAreEven() throws {
        let names = (0..<10_000).map { "run/step-\($0)/model.safetensors" }
        let shards = try (1...8).map { try #require(Shard("\($0)/8")) }
        for name in names { #expect(shards.count { $0.contains(name) } == 1) }
        // 1250 each, with a standard deviation of 33.
        for shard in shards { #expect((1050...1450).contains(names.count { shard.contains($0) })) }
    }
}

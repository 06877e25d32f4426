import Foundation
import TestSupport
import Testing

@Suite struct ClusterCommandTests {
    @Test func rowsAreOutNeuronsThenInNeurons() throws {
        let result = try BuiltCommand.run("cluster", Fixtures.path("cnn.pt"), "-k", "2")
        #expect(result.status == 0, "\(result.errors)")
        let rows = result.rows
        #expect(rows.first == ["layer", "side", "index", "cluster"])
        let expected = [("conv2.weight", 16, 8), ("fc1.weight", 32, 64)].flatMap { layer, out, input in
            (0..<out).map { [layer, "out", "\($0)"] } + (0..<input).map { [layer, "in", "\($0)"] }
        }
        #expect(rows.dropFirst().map { Array($0.prefix(3)) } == expected)
        #expect(rows.dropFirst().allSatisfy { ["0", "1"].contains($0[3]) })
    }

    @Test(arguments: ["tsv", "json", "jsonl"])
    func whatClusterWritesScoreReads(format: String) throws {
        let direct = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "--format", "tsv")
        let piped = try BuiltCommand.shell(
            "\"$M\" cluster \"$1\" --format \(format) | \"$M\" score \"$1\" --clusters - --format tsv", Fixtures.path("mlp.tar"))
        #expect(piped.status == 0, "\(piped.errors)")
        #expect(piped.text == direct.text)
    }

    @Test func isolatedNeuronsAreMinusOneAndSaid() throws {
        let result = try BuiltCommand.run("cluster", Fixtures.path("edge.npz"), "--layers", "isolated", "-k", "3")
        #expect(result.status == 0, "\(result.errors)")
        let none = result.rows.filter { $0[3] == "-1" }.map { "\($0[1]) \($0[2])" }
        #expect(none == ["out 4", "out 11", "in 0", "in 7", "in 13"])
        #expect(result.errors.contains("2 out-neurons and 3 in-neurons"))
        #expect(try BuiltCommand.run("cluster", Fixtures.path("edge.npz"), "--layers", "isolated", "-k", "3", "--quiet").errors.isEmpty)
    }

    @Test func disjointBlocksGetTheirOwnClusters() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("edge.npz"), "--layers", "block_diagonal", "--format", "tsv", "-k", "auto")
        #expect(result.rows.dropFirst().allSatisfy { $0[2] == "4" && abs((Double($0[3]) ?? 0) - 1) < 1e-12 })
        #expect(result.errors.contains("-k auto chose 4 for 'block_diagonal'"))
    }

    @Test(arguments: [
        ("layer\tside\tindex\tcluster\nnope\tout\t0\t0\n", "layer 'nope' is not a weight matrix"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tout\t0\t0\n", "leaves out out-neuron 1"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tout\t0\t0\nfc2.weight\tout\t0\t1\n", "names out-neuron 0 twice"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tout\t48\t0\n", "has no out-neuron 48"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tout\t0\t9999999999\n", "impossible cluster"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tup\t0\t0\n", "line 2 has an unknown side"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tout\t0\n", "line 2 is not a row of a file of clusters"),
        ("layer\tside\tindex\tcluster\nfc2.weight\tout\tx\t0\n", "line 2 has an index"),
        ("layer\tside\tindex\tcluster\n", "has no clusters"), ("", "is empty"), ("a\tb\n", "the first line is not the header"),
        ("{\"schema\": \"modinspect.score/2\", \"layers\": []}", "has a different schema"), ("{\"x\": 1}", "line 1 holds no clusters"),
        ("{\"layers\": [{\"layer\": \"fc2.weight\", \"out\": [0], \"in\": [0]}]}", "leaves out out-neuron 1"),
    ])
    func badClusterFilesAreOneLine(content: String, problem: String) throws {
        let result = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "--clusters", "-", input: Data(content.utf8))
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(problem), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }
}

import Foundation
import FoundationXML
import TestSupport
import Testing

@Suite struct GraphCommandTests {
    /// [2, 3]: out-neuron 0 reads 1, 0 and -2; out-neuron 1 reads 2, NaN and -0.5.
    private func matrix() throws -> Data {
        try SafetensorsFile.bytes([(name: "w<\"&\t>", shape: [2, 3], values: [1, 0, -2, 2, .nan, -0.5])])
    }

    private func graph(_ arguments: String..., data: Data? = nil) throws -> CommandResult {
        let file = try data ?? matrix()
        return try TemporaryFolder.with { folder in
            try file.write(to: URL(fileURLWithPath: folder + "/w.safetensors"))
            return try BuiltCommand.run(["graph", folder + "/w.safetensors"] + arguments)
        }
    }

    @Test func everyWeightThatIsNotZeroIsAnEdge() throws {
        let result = try graph()
        #expect(result.status == 0)
        #expect(
            result.text == """
                layer\tin\tout\tweight
                w<"&\\t>\t0\t0\t1.0
                w<"&\\t>\t2\t0\t-2.0
                w<"&\\t>\t0\t1\t2.0
                w<"&\\t>\t2\t1\t-0.5

                """)
        #expect(result.errors.contains("1 NaN among its weights, which make no edges"))
    }

    @Test(arguments: [
        // ceil(0.25 * 4) = 1 edge: of the two of magnitude 2 the first.
        (["--top", "0.25"], ["2 0 -2.0"]), (["--top", "0.26"], ["2 0 -2.0", "0 1 2.0"]),
        (["--top", "1"], ["0 0 1.0", "2 0 -2.0", "0 1 2.0", "2 1 -0.5"]),
        (["--threshold", "1"], ["0 0 1.0", "2 0 -2.0", "0 1 2.0"]), (["--threshold", "2", "--absolute"], ["2 0 2.0", "0 1 2.0"]),
        (["--threshold", "2.5"], []),
    ])
    func edgesAreChosenByMagnitude(arguments: [String], expected: [String]) throws {
        let file = try matrix()
        let result = try TemporaryFolder.with { folder in
            try file.write(to: URL(fileURLWithPath: folder + "/w.safetensors"))
            return try BuiltCommand.run(["graph", folder + "/w.safetensors"] + arguments)
        }
        #expect(result.rows.dropFirst().map { $0[1...].joined(separator: " ") } == expected)
    }

    @Test func theTopIsNumpysSelection() throws {
        // 48 x 48 weights, none of them zero: ceil(0.1 * 2304) = 231.
        let all = try BuiltCommand.run("graph", Fixtures.path("mlp.tar"), "--layers", "fc2.weight").rows.dropFirst()
        let magnitudes = all.compactMap { Double($0[3]).map(abs) }.sorted(by: >)
        try #require(magnitudes.count == 2304)
        let top = try BuiltCommand.run("graph", Fixtures.path("mlp.tar"), "--layers", "fc2.weight", "--top", "0.1").rows.dropFirst()
        #expect(top.compactMap { Double($0[3]).map(abs) }.sorted(by: >) == Array(magnitudes.prefix(231)))
    }

    @Test func linesOfJSONStartWithTheProvenance() throws {
        let result = try graph("--format", "jsonl")
        let lines = try result.text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(lines.first?["schema"] as? String == "modinspect.graph/1")
        #expect(lines.count == 5)
        #expect(lines[2]["layer"] as? String == "w<\"&\t>")
        #expect(lines[2]["weight"] as? Double == -2)
    }

    @Test func graphMLIsWellFormed() throws {
        final class Counter: NSObject, XMLParserDelegate {
            var counts: [String: Int] = [:]
            func parser(
                _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
                attributes: [String: String]
            ) { counts[name, default: 0] += 1 }
        }
        let result = try graph("--format", "graphml")
        let counter = Counter()
        let parser = XMLParser(data: result.output)
        parser.delegate = counter
        #expect(parser.parse())
        #expect(counter.counts["node"] == 5)
        #expect(counter.counts["edge"] == 4)
    }

    @Test func dotHasAnArrowForEveryEdge() throws {
        let text = try graph("--format", "dot").text
        #expect(text.hasPrefix("digraph weights {\n") && text.hasSuffix("}\n"))
        #expect(text.contains("  \"w<\\\"&\\t>/in/2\" -> \"w<\\\"&\\t>/out/0\" [weight=\"-2.0\"];\n"))
    }

    @Test func arraysAreCompressedSparseRows() throws {
        try TemporaryFolder.with { folder in
            try matrix().write(to: URL(fileURLWithPath: folder + "/w.safetensors"))
            let result = try BuiltCommand.run(
                "graph", folder + "/w.safetensors", "--format", "npz", "-o", folder + "/w.npz", "--threshold", "1")
            #expect(result.status == 0, "\(result.errors)")
            // Read back by the checkpoint reader: an npz is a checkpoint too.
            let info = try BuiltCommand.run("info", folder + "/w.npz", "--format", "tsv")
            #expect(info.rows.dropFirst().map { "\($0[2]) \($0[3])" }.sorted() == ["f32 3", "i32 3", "i32 3", "i64 2"])
        }
    }

    @Test func aClosedPipeIsSuccess() throws {
        let result = try BuiltCommand.shell("\"$M\" graph \"$1\" --layers all | head -1; echo ${PIPESTATUS[0]}", Fixtures.path("gpt2-tiny"))
        #expect(result.text == "layer\tin\tout\tweight\n0\n")
        #expect(result.errors.isEmpty)
    }
}

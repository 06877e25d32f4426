import Checkpoints
import TestSupport
import Testing

/// Matrices that are turned round on their way to a product (fixtures/make_turned.py): a layer's sides are those that the product reads.
struct TurnedMatrixTests {
    private static let files = [
        "turned.program.pt2", "turned.decomposed.pt2", "turned.traced.pt", "turned.scripted.pt", "turned.script.onnx", "turned.dynamo.onnx",
    ]

    private func path(_ name: String) -> String { Fixtures.path("graphs/" + name) }

    private func check(_ file: String, in folder: String) throws {
        let run = try BuiltCommand.run("eval", "--quiet", file, "--data", path("turned.npz"), "--logits", folder + "/o.npy")
        try #require(run.status == 0, "\(run.errors)")
        let found = try #require(try Checkpoint.open(folder + "/o.npy").tensors.first).doubles()
        let wanted = try #require(try Checkpoint.open(path("turned.safetensors"))["output"]).doubles()
        #expect(found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 * max(1, abs($1)) })
    }

    @Test(arguments: files) func outputsArePyTorchs(file: String) throws {
        try TemporaryFolder.with { folder in
            try check(path(file), in: folder)
            let made = try BuiltCommand.run("convert", "--quiet", path(file), "-o", folder + "/m.tar")
            try #require(made.status == 0, "\(made.errors)")
            try check(folder + "/m.tar", in: folder)
        }
    }

    @Test(arguments: files.filter { !$0.hasSuffix("onnx") }) func sidesAreThoseOfTheProduct(file: String) throws {
        let info = try BuiltCommand.run("info", "--quiet", "--format", "tsv", path(file))
        let rows = info.rows
        let header = try #require(rows.first, "\(info.errors)")
        let (name, out, input) = (
            try #require(header.firstIndex(of: "tensor")), try #require(header.firstIndex(of: "out")),
            try #require(header.firstIndex(of: "in"))
        )
        for (tensor, sides) in [("inward", ["7", "6"]), ("square", ["7", "7"]), ("outward", ["5", "7"])] {
            let row = try #require(rows.first { $0[name] == tensor })
            #expect([row[out], row[input]] == sides, "\(tensor)")
        }
    }
}

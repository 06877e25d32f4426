import Foundation
import TestSupport
import Testing

/// `report`: a page whose numbers are those of the commands that it shows.
@Suite struct ReportCommandTests {
    private static let mlp = Fixtures.path("models/mnist-mlp.pt")
    private static let data = Fixtures.path("models/mnist-mlp.npz")
    private static let induction = Fixtures.path("models/induction.safetensors")
    private static let pairs = Fixtures.path("models/induction.pairs.json")

    private static let reports: [[String]] = [
        [mlp, "--data", data, "--limit", "100", "--null", "3", "--control", "2"],
        [mlp, "--compare", mlp, "--null", "3", "-k", "3"],
        [mlp, "--clusters", Fixtures.path("models/mnist-mlp.clusters.tsv"), "--null", "3", "--data", data, "--control", "2"],
        [
            Fixtures.path("models/modular.pt"), "--data", Fixtures.path("models/modular.npz"), "--pairs", "by-class", "--null", "2",
            "--control", "2", "--limit", "40",
        ],
        [induction, "--pairs", pairs, "--null", "2"],
        [induction, "--pairs", pairs, "--null", "2", "--circuit-method", "acdc"],
        [Fixtures.path("gpt2-tiny"), "--null", "2", "--seed", "7"],
    ]

    private static func page(_ arguments: [String], status: Int32 = 0) throws -> ReportPage {
        let result = try BuiltCommand.run(["report", "--quiet"] + arguments)
        #expect(result.status == status, "\(result.errors)")
        return ReportPage(result.output)
    }

    @Test(arguments: reports) func pagesAreWellFormedAndLoadNothing(arguments: [String]) throws {
        let page = try Self.page(arguments)
        #expect(page.failure == nil)
        let ids = page.values("id")
        #expect(ids.count == Set(ids).count)
        for link in page.values("href") + page.values("xlink:href") {
            #expect(link.hasPrefix("data:") || ids.contains(String(link.dropFirst())), "\(link)")
        }
        #expect(page.values("src").isEmpty && page.all("script").isEmpty && page.all("img").isEmpty)
        for name in page.values("aria-labelledby").flatMap({ $0.split(separator: " ") }) { #expect(ids.contains(String(name)), "\(name)") }
        let pictures = page.all("svg")
        #expect(!pictures.isEmpty && pictures.count == page.all("figure").count && pictures.count == page.all("figcaption").count)
        for picture in pictures { #expect(picture.attributes["aria-labelledby"] != nil) }
        for title in page.all("title") + page.all("desc") { #expect(!title.text.isEmpty) }
        let levels = page.elements.compactMap { element in
            element.name.count == 2 && element.name.first == "h" ? Int(element.name.dropFirst()) : nil
        }
        #expect(levels.first == 1)
        for (before, after) in zip(levels, levels.dropFirst()) { #expect(after <= before + 1) }
    }

    /// Where outputs are compared with numbers, the page has mean squared errors, and no accuracies.
    @Test(arguments: [("regression", "regression"), ("autoencoder", "reconstruction")])
    func numbersAreComparedByTheirErrors(name: String, task: String) throws {
        let model = Fixtures.path("texts/\(name).safetensors")
        let data = ["--data", Fixtures.path("texts/regression.npz"), "--task", task]
        let page = try Self.page([model, "--null", "2", "--control", "2"] + data)
        #expect(page.failure == nil)
        let text = page.elements.map(\.text).joined(separator: " ")
        #expect(!text.contains(" nats") && !text.contains("accuracy") && !text.contains("Right answers"), "\(text)")
        let results = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("texts/expected.json"))))
                as? [String: Any])
        let expected = try #require((results[task] as? [Double])?.first)
        #expect(text.contains("the mean squared error is " + String(format: "%.4f", expected)), "\(expected): \(text)")
        #expect(page.elements.contains { $0.section == "ablation" && $0.name == "table" })
    }

    @Test func theSameBytesForAnyNumberOfThreads() throws {
        let arguments = ["report", "--quiet"] + Self.reports[0]
        let one = try BuiltCommand.run(arguments + ["--threads", "1"])
        let two = try BuiltCommand.run(arguments + ["--threads", "2"])
        #expect(one.status == 0 && one.output == two.output)
    }

    /// The numbers in a JSON document as it writes them.
    private static func numbers(_ json: String, _ keys: [String]) -> [String] {
        json.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2, keys.contains(parts[0].trimmingCharacters(in: ["\""])) else { return nil }
            let value = parts[1].trimmingCharacters(in: [","])
            return Double(value) == nil ? nil : value
        }
    }

    /// What is checked of each section's command.
    private static let sections: [(section: String, keys: [String])] = [
        ("modularity", ["clusterability", "chance", "adjusted", "ncut", "modularity", "mean", "sd", "z", "p"]),
        ("sweep", ["clusterability", "chance", "adjusted", "mean", "sd", "z", "p"]),
        ("accuracy", ["count", "correct"]),
        ("ablation", ["relativeChange", "meanChange"]),
        ("comparison", ["clusterability", "adjusted", "ari", "nmi", "matched", "relativeChange"]),
    ]

    @Test(arguments: reports) func theCommandsRunAndGiveTheNumbersOfTheTables(arguments: [String]) throws {
        let page = try Self.page(arguments)
        var checked = 0
        for (section, keys) in Self.sections where !page.text(section).isEmpty {
            let command = try #require(page.commands(section).first)
            let result = try BuiltCommand.shell("modinspect() { \"$M\" \"$@\" --quiet; }; set -o pipefail; " + command)
            #expect(result.status == 0, "\(command): \(result.errors)")
            let shown = page.numbers(section)
            let found = Self.numbers(result.text, keys)
            #expect(!found.isEmpty, "\(command)")
            for number in found { #expect(shown.contains(number), "\(section): \(number)") }
            checked += 1
        }
        #expect(checked > 0)
        if !page.text("circuit").isEmpty {
            let command = try #require(page.commands("circuit").first)
            let result = try BuiltCommand.shell("modinspect() { \"$M\" \"$@\" --quiet; }; " + command)
            let kept = try BuiltCommand.shell(
                "modinspect() { \"$M\" \"$@\" --quiet; }; " + command.replacingOccurrences(of: "--format json", with: "--kept"))
            #expect(result.status == 0 && kept.status == 0, "\(result.errors)\(kept.errors)")
            let scores = kept.text.split(separator: "\n").dropFirst().map { String($0.split(separator: "\t")[3]) }
            let shown = page.numbers("circuit")
            #expect(!scores.isEmpty)
            for score in scores { #expect(shown.contains(score), "\(score)") }
        }
        // The page's own command writes the page.
        let again = try #require(page.commands("repeat").first).replacingOccurrences(of: " -o report.html", with: "")
        let result = try BuiltCommand.shell("modinspect() { \"$M\" \"$@\" --quiet; }; " + again)
        #expect(result.status == 0, "\(again): \(result.errors)")
        #expect(ReportPage(result.output).text("modularity") == page.text("modularity"))
    }

    @Test func everyOtherCommandRuns() throws {
        let page = try Self.page(Self.reports[0])
        for section in ["model", "weights"] {
            let commands = page.commands(section)
            #expect(!commands.isEmpty)
            for command in commands {
                let result = try BuiltCommand.shell("modinspect() { \"$M\" \"$@\" --quiet; }; " + command)
                #expect(result.status == 0 && !result.output.isEmpty, "\(command): \(result.errors)")
            }
        }
    }

    /// The command under a map of weights draws this map, of found and of given clusters.
    @Test(arguments: [0, 2]) func theCommandUnderAMapRepeatsIt(report: Int) throws {
        let page = try Self.page(Self.reports[report])
        // Titles of marks have no id.
        let figures = page.all("title", in: "weights").filter { $0.attributes["id"] != nil }.map(\.text)
        let commands = page.all("pre", in: "weights").map(\.text)
        #expect(figures.count == 2 && commands.count == 2)
        for (title, command) in zip(figures, commands) {
            try TemporaryFolder.with { folder in
                let result = try BuiltCommand.shell(
                    "cd \"$1\" && { modinspect() { \"$M\" \"$@\" --quiet; }; \(command); cat weights/weights-*.svg; }", folder)
                #expect(result.status == 0 && result.text.contains(">\(title)</title>"), "\(title): \(command): \(result.errors)")
            }
        }
    }

    @Test func saysInWordsHowFarAScoreLiesFromItsNullModel() throws {
        // Two blocks without a weight between them, beside which shuffled weights are nothing.
        let count = 64
        let block = (0..<count * count).map { place in (place / count) / 32 == (place % count) / 32 ? Float(1 + place % 3) : 0 }
        var state: UInt64 = 1
        let noise = (0..<count * count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return 0.5 + Float(state >> 40) / 16_777_216
        }
        let zeros = [Float](repeating: 0, count: count * count)
        try TemporaryFolder.with { folder in
            let path = folder + "/model.safetensors"
            let tensors = [("blocks", block), ("even", noise), ("zero", zeros)].map { (name: $0.0, shape: [count, count], values: $0.1) }
            try SafetensorsFile.bytes(tensors).write(to: URL(fileURLWithPath: path))
            let page = try Self.page([path, "-k", "2", "--null", "20", "--layers", "all"])
            let text = page.text("modularity")
            #expect(text.contains("blocks is far more modular than its weights in random places: 1.00"))
            #expect(text.contains("even is no more modular than its weights in random places"))
            #expect(text.contains("zero has no score: all its weights are 0"))
        }
    }

    @Test func whatCannotBeDoneIsSaidInThePage() throws {
        try TemporaryFolder.with { folder in
            // Two matrices that do not follow each other: no network.
            let path = folder + "/model.safetensors"
            let values = (0..<96).map { Float($0 % 7) + 0.5 }
            try SafetensorsFile.bytes([("a", [8, 12], values), ("b", [8, 12], values)]).write(to: URL(fileURLWithPath: path))
            let result = try BuiltCommand.run("report", "--quiet", "--null", "2", "--data", Self.data, path)
            #expect(result.status == 1)
            let page = ReportPage(result.output)
            #expect(page.failure == nil)
            #expect(page.text("modularity").contains("Clusterability is"))
            #expect(page.text("ablation").contains("The ablation is missing: "))
            #expect(page.text("accuracy").contains("The evaluation is missing: "))
            // Both parts lack the network, for one reason.
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }
    }

    /// Two layers that follow each other, and three samples of three numbers with their classes.
    private static func smallModel(in folder: String, samples: [Float]) throws -> [String] {
        let (model, data, labels) = (folder + "/model.safetensors", folder + "/x.idx", folder + "/y.idx")
        try SafetensorsFile.bytes([
            ("fc1.weight", [4, 3], (0..<12).map { Float($0 % 5) - 1.5 }), ("fc2.weight", [2, 4], (0..<8).map { Float($0 % 3) - 0.5 }),
        ]).write(to: URL(fileURLWithPath: model))
        try IDXFile.bytes(shape: [3, 3], values: samples).write(to: URL(fileURLWithPath: data))
        try IDXFile.bytes(shape: [3], values: [0, 1, 0] as [UInt8]).write(to: URL(fileURLWithPath: labels))
        return [model, "--data", data, "--labels", labels, "--null", "2", "--control", "2", "-k", "2"]
    }

    @Test func dataThatAreNotNumbersAreSaid() throws {
        try TemporaryFolder.with { folder in
            let arguments = try Self.smallModel(in: folder, samples: [1, 2, 3, 4, .nan, 6, 7, 8, 9])
            let result = try BuiltCommand.run(["report", "--quiet"] + arguments)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("the loss is not a number"))
            let page = ReportPage(result.output)
            #expect(page.failure == nil)
            #expect(page.text("accuracy").contains("the loss is not a number, because weights or data hold NaN or infinite numbers."))
            #expect(!page.text("summary").contains("nan"))
        }
    }

    @Test func dataThatCannotBeReadAreSaidOnce() throws {
        try TemporaryFolder.with { folder in
            var arguments = try Self.smallModel(in: folder, samples: [1, 2, 3, 4, 5, 6, 7, 8, 9])
            let whole = try Data(contentsOf: URL(fileURLWithPath: folder + "/x.idx"))
            for length in [0, 5, whole.count - 1] {
                arguments[2] = folder + "/cut.idx"
                try whole.prefix(length).write(to: URL(fileURLWithPath: arguments[2]))
                let result = try BuiltCommand.run(["report", "--quiet"] + arguments)
                #expect(result.status == 1)
                #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
                let page = ReportPage(result.output)
                #expect(page.failure == nil)
                #expect(page.text("accuracy").contains("The evaluation is missing: "))
                #expect(page.text("ablation").contains("The ablation is missing: "))
            }
        }
    }

    @Test func weightsThatAreNotFiniteAreSaid() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/model.safetensors"
            var values = (0..<96).map { Float($0 % 7) + 0.5 }
            values[3] = .nan
            try SafetensorsFile.bytes([("a", [8, 12], values), ("b", [8, 12], values)]).write(to: URL(fileURLWithPath: path))
            let result = try BuiltCommand.run("report", "--quiet", "--null", "2", path)
            #expect(result.status == 1)
            let page = ReportPage(result.output)
            #expect(page.failure == nil)
            #expect(page.text("model").contains("Not all weights are finite: 2 NaN and 0 infinite in a, b."))
            #expect(page.text("modularity").contains("The score is missing: "))
        }
    }

    @Test func aCheckpointThatCannotBeReadIsOneLine() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/model.safetensors"
            try Data("nothing".utf8).write(to: URL(fileURLWithPath: path))
            let result = try BuiltCommand.run("report", path, "-o", folder + "/report.html")
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errors.split(separator: "\n").count == 1)
            #expect(!FileManager.default.fileExists(atPath: folder + "/report.html"))
        }
    }

    @Test func hostileNamesAreText() throws {
        try TemporaryFolder.with { folder in
            let name = "<b>&\"'</script>\u{202E}x\u{5D0}\n" + String(repeating: "n", count: 300)
            let path = folder + "/<i>&'\u{5D0}.safetensors"
            let values = (0..<96).map { Float($0 % 7) + 0.5 }
            try SafetensorsFile.bytes([(name, [8, 12], values), ("b", [8, 12], values)]).write(to: URL(fileURLWithPath: path))
            let page = try Self.page([path, "--null", "2"])
            #expect(page.failure == nil)
            #expect(page.all("b").isEmpty && page.all("i").isEmpty && page.all("script").isEmpty)
            let commands = page.commands("modularity") + page.commands("weights")
            for command in commands {
                let result = try BuiltCommand.shell("modinspect() { \"$M\" \"$@\" --quiet; }; " + command)
                #expect(result.status == 0, "\(command): \(result.errors)")
            }
        }
    }

    @Test func anOutputIsNoInputAndAppearsWhole() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/model.pt"
            try FileManager.default.copyItem(atPath: Self.mlp, toPath: path)
            for (option, argument) in [("--compare", "--compare"), ("--pairs", "--pairs"), ("--data", "--data")] {
                let result = try BuiltCommand.run("report", Self.mlp, option, path, "-o", path)
                #expect(result.status == 64 && result.errors.contains("--output would overwrite \(argument)"), "\(result.errors)")
            }
            let file = try BuiltCommand.run("report", "--quiet", "--null", "2", path, "-o", folder + "/report.html")
            let stream = try BuiltCommand.run("report", "--quiet", "--null", "2", path)
            #expect(file.status == 0 && stream.status == 0)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/report.html")) == stream.output)
        }
    }

    @Test(arguments: [["--null", "0"], ["--null", "1"], ["--control", "1"], ["--batch", "0"], ["--method", "gradient"]])
    func wrongUsageIsOneLine(arguments: [String]) throws {
        let result = try BuiltCommand.run(["report", Self.mlp] + arguments)
        #expect(result.status == 64 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("modinspect: report: ") && result.errors.split(separator: "\n").count == 1)
    }
}

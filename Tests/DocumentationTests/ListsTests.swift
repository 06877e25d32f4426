import Auditing
import Circuits
import Evaluation
import Foundation
import Interventions
import Modularity
import Networks
import Plots
import TestSupport
import Testing
import Training

@testable import ModinspectCommands

/// The manual describes every value of the lists in the lists' own words, and the results have the columns that they declare.
@Suite struct ListsTests {
    private static func described<Value: Choice>(_ type: Value.Type) -> [(name: String, documentation: String)] {
        type.allCases.map { ($0.rawValue, $0.documentation) }
    }

    private static let lists: [(page: String, values: [(name: String, documentation: String)])] = [
        ("man/modinspect-score.1", described(Measure.self)),
        ("man/modinspect-score.1", described(ClusteringMethod.self)),
        ("man/modinspect-cluster.1", described(ClusteringMethod.self)),
        ("man/modinspect-compare.1", described(ClusteringMethod.self)),
        ("man/modinspect-patch.1", described(BehaviourMetric.self)),
        ("man/modinspect-circuit.1", described(BehaviourMetric.self)),
        ("man/modinspect-circuit.1", described(CircuitMethod.self)),
        ("man/modinspect-circuit.1", described(EdgeGranularity.self)),
        ("man/modinspect-circuit.1", described(EdgeAblation.self)),
        ("man/modinspect-circuit.1", described(EdgeSelection.self)),
        ("man/modinspect-circuit.1", described(WeightCircuitRequest.Objective.self)),
        ("man/modinspect-circuit.1", described(PairOptions.Source.self)),
        ("man/modinspect-patch.1", described(PairOptions.Source.self)),
        ("man/modinspect-patch.1", described(PatchSites.Granularity.self)),
        ("man/modinspect-patch.1", described(PatchedPlaces.self)),
        ("man/modinspect-patch.1", described(PatchCommand.Direction.self)),
        ("man/modinspect-finetune.1", described(Optimizer.Rule.self)),
        ("man/modinspect-finetune.1", described(LearningRate.Decay.self)),
        ("man/modinspect-finetune.1", described(KeptWeights.self)),
        ("man/modinspect-ablate.1", described(ClusterAblation.Reading.self)),
        ("man/modinspect-ablate.1", described(ClusterAblation.Fill.self)),
        ("man/modinspect-graph.1", described(GraphFormat.self)),
        ("man/modinspect-formats.5", described(PictureFormat.self)),
        ("man/modinspect-plot.1", described(PlotFormat.self)),
        ("man/modinspect-report.1", described(ClusteringMethod.self)),
        ("man/modinspect-report.1", described(ReportedCircuitMethod.self)),
    ]

    @Test func theManualSaysOfEachValueWhatItsListSays() throws {
        for (page, values) in Self.lists {
            let items = ManualItems(try Document(page)).texts
            for (name, documentation) in values {
                let found = items[name] ?? []
                #expect(found.contains { $0.hasPrefix(documentation) }, "\(page): \(name): \(documentation)\n\(found)")
            }
        }
    }

    @Test func theManualNamesEveryMeasureThatAConditionCompares() throws {
        // The items are those of `--fail-on conditions` and `--measure measure`.
        let items = ManualItems(try Document("man/modinspect-audit.1")).texts
        for name in ["conditions", "measure"] {
            let text = try #require(items[name]?.first, "\(name)")
            let words = Set(text.split { " ,.".contains($0) }.map(String.init))
            for measure in Measure.allCases { #expect(words.contains(measure.rawValue), "\(name): \(measure.rawValue)") }
        }
    }

    @Test func plotReadsWhatTheSubcommandsWrite() {
        let written: [ResultKind: String] = [
            .score: ScoreReport.schema, .cluster: ClusterSetting.schema, .ablate: AblationSetting.schema, .patch: PatchSetting.schema,
            .circuit: CircuitSetting.schema, .edges: EdgeReport.schema, .overlap: CircuitComparisonReport.schema,
            .compare: CompareReport.schema, .series: SeriesReport.schema, .eval: EvalReport.schema, .finetune: FinetuneRun.schema,
            .audit: AuditRow.schema,
        ]
        for kind in ResultKind.allCases { #expect(written[kind] == kind.schema) }
    }

    @Test func helpSaysOfEachValueWhatItsListSays() throws {
        let lists: [(command: String, values: [(name: String, documentation: String)])] = [
            ("score", Self.described(Measure.self)), ("cluster", Self.described(ClusteringMethod.self)),
            ("patch", Self.described(BehaviourMetric.self)), ("circuit", Self.described(CircuitMethod.self)),
            ("ablate", Self.described(ClusterAblation.Reading.self)), ("ablate", Self.described(ClusterAblation.Fill.self)),
            ("graph", Self.described(GraphFormat.self)), ("circuit", Self.described(BehaviourMetric.self)),
            ("circuit", Self.described(EdgeGranularity.self)), ("circuit", Self.described(EdgeAblation.self)),
            ("circuit", Self.described(EdgeSelection.self)), ("circuit", Self.described(WeightCircuitRequest.Objective.self)),
            ("circuit", Self.described(PairOptions.Source.self)), ("patch", Self.described(PairOptions.Source.self)),
            ("patch", Self.described(PatchSites.Granularity.self)), ("patch", Self.described(PatchedPlaces.self)),
            ("patch", Self.described(PatchCommand.Direction.self)), ("finetune", Self.described(Optimizer.Rule.self)),
            ("finetune", Self.described(LearningRate.Decay.self)), ("finetune", Self.described(KeptWeights.self)),
        ]
        for (command, values) in lists {
            let help = try BuiltCommand.run(command, "--help").text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            for (name, documentation) in values { #expect(help.contains("\(name): \(documentation)"), "\(command): \(name)") }
        }
    }

    @Test func everyFamilyThatRunsIsNamedWhereTheManualSaysWhatRuns() throws {
        for path in ["man/modinspect-eval.1", "README.md"] {
            let page = try Document(path).lines.joined(separator: " ")
            for type in TransformerFamilies.standard.modelTypes { #expect(page.contains(type), "\(path): \(type)") }
            // Those without a configuration are known by the family's name.
            for family in TransformerFamilies.standard.families where family.modelTypes.isEmpty {
                #expect(page.lowercased().contains(family.family.name), "\(path): \(family.family.name)")
            }
        }
    }

    @Test func theManualNamesEveryOperationOfANetworkInWords() throws {
        let lines = try Document("man/modinspect-formats.5").lines
        let start = try #require(lines.firstIndex(of: ".Ss Networks in words"))
        let end = try #require(lines[(start + 1)...].firstIndex { $0.hasPrefix(".Ss ") })
        let words = Set(lines[start..<end].flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init) })
        for operation in Architecture.operationNames + Architecture.graphOperationNames {
            let name = String(operation.prefix { $0 != "(" })
            #expect(words.contains(name), "\(name)")
        }
    }

    /// For each kind of row the schema, what stands before its keys on the page of formats, and its columns' keys.
    private static let rows: [(schema: String, prefix: String, keys: [[String]])] = [
        ("modinspect.score/2", "checkpoints[].results[].layers[].", ScoredLayer.columns.map(\.path)),
        ("modinspect.compare/2", "layers[].", ComparedLayer.columns.map(\.path)),
        ("modinspect.compare/2", "layers[].largestChanges[].", ComparedWeight.columns.map(\.path)),
        ("modinspect.series/1", "layers[].steps[].", SeriesStep.columns.map(\.path)),
        ("modinspect.eval/1", "checkpoints[].classes[].", EvaluatedClass.columns.map(\.path)),
        ("modinspect.eval/1", "checkpoints[].experts[].", ExpertRow.columns.map(\.path)),
        ("modinspect.ablate/2", "layers[].interventions[].", AblatedRow.columns.map(\.path)),
        ("modinspect.patch/1", "patches[].", PatchRow.columns.map(\.path)),
        ("modinspect.edges/1", "scores[].", ScoredEdge.columns.map(\.path)),
        ("modinspect.circuit-overlap/2", "pairs[].", ComparedPair.columns.map(\.path)),
        ("modinspect.info/2", "checkpoints[].tensors[].", TensorInfo.columns.map(\.path)),
        ("modinspect.circuit/1", "intact.", JudgedCircuit.columns.map(\.path)),
        ("modinspect.circuit/1", "circuits[].", PrunedCircuit.columns.map(\.path)),
        ("modinspect.circuit/1", "circuits[].layers[].", PrunedCircuit.KeptLayer.columns.map(\.path)),
        ("modinspect.cluster/1", "layers[].", ClusteredLayer.columns.map(\.path)),
        ("modinspect.graph/1", "", GraphEdge.columns(isChained: true, hasClusters: true).map(\.path)),
        ("modinspect.graph/1", "nodes[].", GraphNode.columns.map(\.path)),
        ("modinspect.finetune/1", "", FinetuneRun.columns.map(\.path) + FinetuneStep.columns.map(\.path)),
    ]

    @Test func everyColumnIsOnThePageOfFormats() throws {
        let lines = try Document("man/modinspect-formats.5").lines
        for (schema, prefix, keys) in Self.rows {
            let start = try #require(lines.firstIndex(of: ".Ss " + schema), "\(schema)")
            let section = Set(lines[(start + 1)...].prefix { !$0.hasPrefix(".Ss ") && !$0.hasPrefix(".Sh ") })
            for path in keys {
                let key = prefix + path.joined(separator: ".")
                #expect(section.contains(".It Li " + key) || section.contains { $0.hasPrefix(".It Li \(key)[].") }, "\(schema): \(key)")
            }
        }
    }

    @Test func everyKeyOfARowOnThePageOfFormatsIsAColumn() throws {
        let lines = try Document("man/modinspect-formats.5").lines
        for (schema, prefix, keys) in Self.rows where !prefix.isEmpty {
            let start = try #require(lines.firstIndex(of: ".Ss " + schema), "\(schema)")
            let section = lines[(start + 1)...].prefix { !$0.hasPrefix(".Ss ") && !$0.hasPrefix(".Sh ") }
            let names = keys.map { $0.joined(separator: ".") }
            for line in section where line.hasPrefix(".It Li " + prefix) {
                let key = line.dropFirst(".It Li ".count + prefix.count)
                let own = String(key.prefix { $0 != "[" })
                #expect(names.contains(own) || names.contains { $0.hasPrefix(own + ".") }, "\(schema): \(prefix)\(key)")
            }
        }
    }

    @Test func rowsWrittenByTheThousandHaveTheirColumns() throws {
        let clusters = try BuiltCommand.run("cluster", "--quiet", Fixtures.path("mlp.tar"), "--format", "tsv").rows
        #expect(clusters.first == ClusteredNeuron.columns.map(\.name))
        let edges = try BuiltCommand.run("graph", "--quiet", Fixtures.path("mlp.tar"), "--format", "tsv").rows
        #expect(edges.first == GraphEdge.columns.map(\.name) && edges.dropFirst().allSatisfy { $0.count == edges[0].count })
        let kept = try BuiltCommand.run(
            "circuit", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--method", "prune", "--data",
            Fixtures.path("models/mnist-mlp.npz"),
            "--layers", "fc4.weight", "--kept"
        ).rows
        #expect(kept.first == KeptWeight.columns.map(\.name) && kept.count > 1 && kept[1][0].isEmpty)
    }

    @Test func namesOfColumnsAreThoseOfTheirKeys() {
        #expect(
            ScoredLayer.columns(hasNull: true).filter(\.isInTables).map(\.name).suffix(4) == ["null_mean", "null_sd", "null_z", "null_p"])
        let names = AblatedRow.columns.map(\.name)
        #expect(names.contains("relative_change") && names.contains("control_accuracy_mean"))
        #expect(ComparedPair.columns.map(\.name) == ["a", "b", "kept_a", "kept_b", "shared", "union", "overlap"])
    }
}

/// The tagged items of a page as plain text: the description of each name.
private struct ManualItems {
    private(set) var texts: [String: [String]] = [:]

    init(_ document: Document) {
        var name: String?
        var words: [String] = []
        func plain(_ line: String) -> [String] {
            guard line.hasPrefix("."), line.count > 1 else { return [line.replacingOccurrences(of: "\\&", with: "")] }
            var found: [String] = []
            var isFlag = false
            for word in line.dropFirst().split(separator: " ").map(String.init) {
                if let first = word.first, first.isUppercase, word.count == 2 {
                    isFlag = word == "Fl"
                } else if ".,;:".contains(word), !found.isEmpty {
                    found[found.count - 1] += word
                } else {
                    found.append(isFlag ? "-" + word : word)
                }
            }
            return found
        }
        func close() {
            if let name { texts[name, default: []].append(words.joined(separator: " ")) }
            words = []
        }
        for line in document.lines {
            if line.hasPrefix(".It ") {
                close()
                name = plain(line).last
            } else if line.hasPrefix(".El") || line.hasPrefix(".Sh ") || line.hasPrefix(".Bl") {
                close()
                name = nil
            } else {
                words += plain(line)
            }
        }
    }
}

import Testing

@testable import Datasets

@Suite struct ImageFileTests {
    @Test(arguments: ["images-idx3-ubyte", "images-idx3-ubyte.gz", "images-idx3-ubyte.xz", "images-idx3-ubyte.zst"])
    func idxImagesMeetTheirLabels(_ name: String) throws {
        let expected = try #require(DataFixtures.expected[name])
        for labels in ["labels-idx1-ubyte", "labels-idx1-ubyte.gz"] {
            var source = DataFixtures.source(name)
            source.labels = DataFixtures.path(labels)
            let dataset = try source.open()
            #expect(dataset.values?.shape == [5, 6])
            #expect(dataset.allValues == expected.values)
            #expect(dataset.labels == expected.labels)
            source.normalization = try Normalization("0.1307,0.3081")
            #expect(try source.open().allValues == expected.normalized)
        }
        #expect(try DataFixtures.source(name).open().hasNoTargets)
    }

    @Test(arguments: ["idx-i1", "idx-i2", "idx-i4", "idx-f4", "idx-f8"])
    func idxNumbersAreBigEndian(_ name: String) throws {
        let dataset = try DataFixtures.source(name).open()
        #expect(dataset.allValues == DataFixtures.expected[name]?.values)
        #expect(dataset.values?.shape == [2, 2])
    }

    @Test func labelsInPlaceOfImagesSayWhatToDo() {
        let text = problem { try DataFixtures.source("labels-idx1-ubyte").open() }
        #expect(text?.contains("expected [N, ...], found [4]; labels are given in a separate file") == true, "\(text ?? "")")
    }

    @Test(
        arguments: [
            ([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1], "the IDX header is truncated, expected 3 dimensions, found 2"),
            ([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 5], "the IDX data are truncated, expected 2 bytes for [1, 2], found 1"),
            ([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6], "more data than the IDX header declares, expected 1 bytes for [1, 1], found 2"),
            ([0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255], "shape overflows"),
            ([0, 0, 14, 4] + [UInt8](repeating: 255, count: 16), "shape overflows"),
            ([0, 0, 14, 2, 0x10, 0, 0, 0, 0x10, 0, 0, 0], "truncated"),
            ([0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 28], "holds no samples"),
            ([0, 0, 8, 255] + [UInt8](repeating: 0, count: 1020), "holds no samples"),
            ([0, 0, 8, 255] + [UInt8](repeating: 255, count: 1020), "shape overflows"),
            ([0, 0, 7, 1, 0, 0, 0, 1, 5], "unknown kind"), ([0, 0, 8, 0, 5], "unknown kind"),
        ] as [([UInt8], String)])
    func absurdIDXHeadersAreErrors(_ bytes: [UInt8], because words: String) {
        let text = problem { try openDataset(bytes) }
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test(arguments: [("cifar10.bin.gz", 3), ("cifar100.bin", 2)])
    func cifarBatchesAreFoundByTheirRecords(_ name: String, _ count: Int) throws {
        let expected = try #require(DataFixtures.expected[name])
        var source = DataFixtures.source(name)
        let dataset = try source.open()
        #expect(dataset.count == count)
        #expect(dataset.values?.shape == [3, 32, 32])
        #expect(dataset.labels == expected.labels)
        #expect(Self.firstRows(dataset) == expected.firstValues)
        source.normalization = try Normalization("0.4914,0.4822,0.4465,0.247,0.2435,0.2616")
        #expect(Self.firstRows(try source.open()) == expected.firstNormalized)
        // After the first rows all pixels are 7.
        #expect(dataset.allValues?[32..<1024].allSatisfy { $0 == Float(7) / 255 } == true)
    }

    private static func firstRows(_ dataset: Dataset) -> [Float] {
        let values = dataset.allValues ?? []
        return stride(from: 0, to: values.count, by: 1024).flatMap { values[$0..<$0 + 32] }
    }

    @Test func aBatchNeedsItsNameItsSizeAndItsLabels() throws {
        let whole = try DataFixtures.bytes("cifar100.bin")
        #expect(problem { try openDataset(whole, path: "-") } == nil)
        #expect(problem { try openDataset(whole, path: "cifar") }?.contains("unknown kind") == true)
        #expect(problem { try openDataset(whole + [1], path: "a.bin") }?.contains("neither a CIFAR batch nor") == true)
        var wrong = whole
        wrong[3074] = 20
        #expect(problem { try openDataset(wrong, path: "a.bin") }?.contains("a context length cuts") == true)
        // With a context they are token ids, whatever they look like.
        #expect(try openDataset(whole, path: "a.bin", context: 64).predictsNextToken)
    }
}

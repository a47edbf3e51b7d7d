// Classifies a digit, trains a few steps, classifies it again: the module in wazero.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"math"
	"strings"

	"github.com/tetratelabs/wazero"

	"example.com/gateway/digits"
)

//go:embed digits.wasm
var wasm []byte

//go:embed digits.bin
var data []byte

func pixels(from, rows int) []float32 {
	values := make([]float32, 0, rows*64)
	for row := from; row < from+rows; row++ {
		for _, value := range data[row*65 : row*65+64] {
			values = append(values, float32(value)/16)
		}
	}
	return values
}

func main() {
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	model, err := digits.New(ctx, runtime, wasm)
	if err != nil {
		log.Fatal(err)
	}

	classify(ctx, model)
	labels := make([]int32, 32)
	for i := range labels {
		labels[i] = int32(data[(1+i)*65+64])
	}
	for step := 1; step <= 5; step++ {
		out, err := model.TrainStep(ctx, digits.TrainStepInputs{Input: pixels(1, 32), Labels: labels})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("step %d: loss %08x\n", step, math.Float32bits(out.Loss[0]))
	}
	classify(ctx, model)
}

func classify(ctx context.Context, model *digits.Model) {
	out, err := model.Infer(ctx, digits.InferInputs{Input: pixels(0, 1)})
	if err != nil {
		log.Fatal(err)
	}
	best := 0
	bits := make([]string, len(out.Predictions))
	for i, score := range out.Predictions {
		bits[i] = fmt.Sprintf("%08x", math.Float32bits(score))
		if score > out.Predictions[best] {
			best = i
		}
	}
	fmt.Printf("a %d looks like a %d: %s\n", data[64], best, strings.Join(bits, " "))
}
